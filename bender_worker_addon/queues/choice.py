# SPDX-License-Identifier: GPL-3.0-or-later
"""Choice: which queue a worker takes its tasks from. What is not chosen is not even imported."""

from queue import SimpleQueue
from typing import Any

from ..settings.config import WorkerConfig
from ..settings.tls import Tls
from .base import TaskQueue


def task_queue(config: WorkerConfig, *, inbox: "SimpleQueue[Any]", blender: str = "") -> TaskQueue:
    """The queue of these settings, not yet started; tiles come out of it for `blender`, the version of that which
    renders. Raises ConfigError if its address can't be understood."""
    if config.is_local:
        from .local.queue import LocalQueue

        return LocalQueue(config.farm_dir, jobs=config.blendpath, worker_id=config.id, inbox=inbox, blender=blender)
    from .rabbitmq import RabbitQueue, tile_queue

    return RabbitQueue(
        url=config.amqp_url,
        worker_id=config.id,
        inbox=inbox,
        tls=Tls.of(config),
        tiles=tile_queue(blender) if config.takes_tiles else "",
    )
