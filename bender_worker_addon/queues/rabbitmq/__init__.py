# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ. The only package that knows pika.

`queue.py` keeps a connection, `session.py` does what is done on it, `deliveries.py` knows what is held. For these
`consumers.py` says how much is sent ahead, `leases.py` keeps what is held for long and `reports.py` publishes reports.
`control.py` tells the farm's server of the worker and hears its orders. `channels.py` opens what is needed,
`backoff.py` says when to connect again, `errors.py` has the words for what goes wrong. `publishing.py` sends tasks.
"""

from .channels import tile_queue, why_unreachable
from .publishing import publish_tasks
from .queue import RabbitQueue

__all__ = ["RabbitQueue", "publish_tasks", "tile_queue", "why_unreachable"]
