# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries: what passes between a worker and the queue its tasks come from, whatever that queue is."""

from dataclasses import dataclass


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
class DeliveryLost:
    """The queue keeps it for this worker no longer: it is there for others again. To settle it does nothing."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class OthersSeen:
    """So many others take tasks from the queue, which could do what this worker can't."""

    count: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """Something the farm wants of this worker, or says it does: see `orders`. `at`: when it came, in seconds of the
    monotonic clock."""

    body: bytes
    at: float


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker has the reports with these ids."""

    report_ids: tuple[int, ...]
