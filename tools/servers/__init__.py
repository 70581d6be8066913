# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ, HTTP and whole small farms to try things on."""
