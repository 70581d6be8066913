# SPDX-License-Identifier: GPL-3.0-or-later
"""Where tasks can come from besides RabbitMQ: a queue on this machine. Plain Python, no bpy."""
