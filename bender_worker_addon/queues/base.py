# SPDX-License-Identifier: GPL-3.0-or-later
"""TaskQueue: what a worker asks of the queue its tasks come from, whatever that queue is."""

from typing import Protocol

from ..core.deliveries import Delivery


class TaskQueue(Protocol):
    """Where tasks come from and reports go to; `name` is for people. Takes nothing before `consume` has said how much.

    Puts Connected, Disconnected, Unwelcome, Delivered, DeliveryLost, OthersSeen, Confirmed and Ordered into the
    worker's inbox. All methods may be called from the worker's thread, return at once and never fail; what can't be
    done any more is told by Disconnected. To settle a delivery that is no longer held does nothing.
    """

    @property
    def name(self) -> str: ...

    def start(self) -> None: ...

    def ack(self, delivery: Delivery) -> None: ...

    def requeue(self, delivery: Delivery) -> None: ...

    def reject(self, delivery: Delivery) -> None: ...

    def set_aside(self, delivery: Delivery) -> None:
        """Holds the delivery on, but no longer counts it: it only waits for something, and another may come."""

    def put_last(self, jobs: frozenset[str]) -> None:
        """From now on tasks of these jobs come after all others, where a queue can choose."""

    def renders_on(self, kind: str) -> None:
        """All that is rendered here is by this one kind of device, "" for none: tiles come that are for it alone."""

    def look_for_others(self) -> None:
        """OthersSeen comes, if there is a connection."""

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        """Publishes a report; Confirmed follows where `report_id` is given."""

    def tell(self, session: int, routing_key: str, body: bytes) -> None:
        """Says something to the farm's server, if there is one that listens: else it is lost."""

    def consume(self, prefetch: int) -> None:
        """From now on holds at most `prefetch` deliveries; 0 takes no more. Those already held are not touched."""

    def close(self, *, timeout: float) -> None:
        """Does what was decided so far, then ends; whatever is not settled goes to others. May be called at any time,
        before `start` too, and any number of times. Waits for at most `timeout` seconds."""
