# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries: what passes between a worker and the queue its tasks come from, whatever that queue is."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came; `session` and `tag` are what settles it. `redelivered`: it has been out before."""

    session: int
    tag: int
    body: bytes
    redelivered: bool


@dataclass(frozen=True, slots=True)
class Connected:
    session: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The session is over, or could not begin; the next attempt comes in `retry_in` seconds."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Unwelcome:
    """There will be no session for this worker, ever; `reason` says what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker has the reports with these ids."""

    report_ids: tuple[int, ...]


class TaskQueue(Protocol):
    """Where tasks come from and reports go to; `name` is for people. Takes nothing before `consume` has said how much.

    Puts Connected, Disconnected, Unwelcome, Delivered and Confirmed into the worker's inbox. All methods may be called
    from the worker's thread, return at once and never fail; what can't be done any more is told by Disconnected.
    """

    @property
    def name(self) -> str: ...

    def start(self) -> None: ...

    def ack(self, delivery: Delivery) -> None: ...

    def requeue(self, delivery: Delivery) -> None: ...

    def reject(self, delivery: Delivery) -> None: ...

    def set_aside(self, delivery: Delivery) -> None:
        """Holds the delivery on, but no longer counts it: it only waits for something, and another may come."""

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        """Publishes a report; Confirmed follows where `report_id` is given."""

    def consume(self, prefetch: int) -> None:
        """From now on holds at most `prefetch` deliveries; 0 takes no more. Those already held are not touched."""

    def close(self, *, timeout: float) -> None:
        """Does what was decided so far, then ends; whatever is not settled goes to others."""
