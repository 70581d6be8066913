# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm for many machines: its books over RabbitMQ, and what it answers over HTTP. Knows no Blender."""
