# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders: what people want of a worker goes to it, over RabbitMQ or, on one machine, by the farm's database."""

from collections.abc import Callable
from typing import Protocol

from ..core.orders import Order
from ..farm import control
from ..farm.database import Database
from . import access


class Link(Protocol):
    def order(self, worker: str, body: bytes) -> None:
        """Raises FarmError if the worker does not get it."""


class Orders:
    """Its methods block; any thread may call them. They raise FarmError if the worker is not there, or takes none."""

    def __init__(self, database: Callable[[], Database], link: Callable[[], Link | None]) -> None:
        """`database` gives the calling thread's own; `link`: None if workers are on this machine only."""
        self._database = database
        self._link = link

    def give(self, worker: str, order: Order) -> None:
        database, link = self._database(), self._link()
        keys = access.keys_of(database, worker)
        with database.changing() as connection:
            body = control.order_for(connection, worker, order, keys=keys)
            if link is None:
                control.give(connection, worker, body)
        if link is not None:
            link.order(worker, body)

    def log_of(self, worker: str, job: str, task: str) -> str:
        """The end of what Blender printed for a task, as the worker has kept it; "" if it has nothing."""
        give = lambda order: self.give(worker, order)  # noqa: E731
        return control.ask_for_log(self._database(), give, worker=worker, job=job, task=task)
