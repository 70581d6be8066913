# SPDX-License-Identifier: GPL-3.0-or-later
"""Broker: RabbitMQ. The only package that knows pika.

`connection.py` serves one connection after the other, `consumers.py` says how much is sent ahead, `reports.py`
publishes reports, `leases.py` keeps what is held for long, `channels.py` opens what is needed, `publishing.py` sends
tasks, `troubles.py` has the words for what goes wrong.
"""

from .connection import Broker, why_unreachable
from .publishing import publish_tasks

__all__ = ["Broker", "publish_tasks", "why_unreachable"]
