# SPDX-License-Identifier: GPL-3.0-or-later
"""Where tasks come from: RabbitMQ, or a queue on this machine, behind one interface. Plain Python, no bpy."""
