# SPDX-License-Identifier: GPL-3.0-or-later
"""Broker: RabbitMQ. The only package that knows pika.

`connection.py` serves one connection after the other, `leases.py` keeps what is held for long, `channels.py` opens what
is needed, `troubles.py` has the words for what goes wrong.
"""

from .connection import Broker, why_unreachable

__all__ = ["Broker", "why_unreachable"]
