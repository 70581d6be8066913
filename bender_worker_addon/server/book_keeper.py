# SPDX-License-Identifier: GPL-3.0-or-later
"""BookKeeper: between the farm's books and RabbitMQ: enters what is reported, and says what is to be fed."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.errors import FarmError
from ..farm import bookkeeping, feeding, workers
from ..farm.database import Database
from ..queues.rabbitmq.channels import TILE_QUEUE, WORK_QUEUE
from ..queues.rabbitmq.feeder import Message

log = logging.getLogger(__name__)

_A_WORKER = 2  # tasks that wait in RabbitMQ for each
_LEAST = 4  # tasks that wait there at least: a worker that nobody has heard of yet finds something to do
_RECENT = 2.0  # seconds: as many tasks wait as were finished in these, if that is more
_ALIVE = 180.0  # seconds since a worker was heard: three heartbeats
_LOST = 120.0  # seconds after which a task that no worker has received, with an empty queue, is fed again
_LOOK_FOR_LOST = 10.0  # seconds between two looks
_FORGET = 3600.0  # seconds between two looks at which workers are known no more


class BookKeeper:
    """For the link's thread alone: see `farm_link.Farm`."""

    def __init__(self, folder: Path, *, changed: Callable[[], None]) -> None:
        """`folder` is the farm's; `changed` is called when something has been entered."""
        self._folder = folder
        self._changed = changed
        self._finished: deque[float] = deque()
        self._heard: dict[str, float] = {}  # workers, and when
        self._take_tiles: set[str] = set()  # those of them that have said so
        self._fed: dict[int, float] = {}  # messages that this server has fed, and when
        self._started = time.monotonic()
        self._look_for_lost_at = self._started + _LOST
        self._forget_at = self._started
        self._opened: Database | None = None

    def reported(self, reports: Sequence[tuple[str, bytes]]) -> None:
        try:
            self._enter(reports)
        except FarmError:
            raise
        except Exception:  # noqa: BLE001  whatever one of them holds, the others are entered
            self._enter_one_by_one(reports)
        now = time.monotonic()
        for routing_key, body in reports:
            step, _, sender = routing_key.partition(".")
            if step == "hello":
                (self._take_tiles.add if workers.takes_tiles(body) else self._take_tiles.discard)(sender)
            if step == "finish":
                self._finished.append(now)
            if step != "stat":
                self._heard[sender] = now
        self._changed()

    def connected(self) -> list[Message]:
        with self._database.looking() as connection:
            again = feeding.unconfirmed(connection)
        if again:
            log.info("%d tasks may not have reached RabbitMQ: they are published (again)", len(again))
        return _messages(again)

    def emptied(self) -> None:
        with self._database.changing() as connection:
            lost = feeding.fed(connection)
            feeding.take_back(connection, lost)
        if lost:
            log.warning("RabbitMQ has lost all that it held: %d tasks are fed again", len(lost))

    def wanted(self, *, in_work: int, in_tiles: int) -> list[Message]:
        """What is to be done next, whichever queue it goes into; and as most workers take from both, as many from both
        together as they need. Those that take no tiles find something to do all the same."""
        now = time.monotonic()
        while self._finished and self._finished[0] < now - _RECENT:
            self._finished.popleft()
        self._heard = {worker: heard for worker, heard in self._heard.items() if heard > now - _ALIVE}
        self._look_after(in_work + in_tiles)
        takes_tiles = self._heard.keys() & self._take_tiles
        others = len(self._heard) - len(takes_tiles)
        missing = self._depth(len(self._heard)) - in_work - in_tiles
        missing_tiles = (self._depth(len(takes_tiles)) if takes_tiles else _LEAST) - in_tiles
        missing_work = self._depth(others) - in_work if others or not takes_tiles else 0
        if missing <= 0 and missing_work <= 0:
            return []
        with self._database.changing() as connection:
            fed = feeding.feed(connection, missing, in_tiles=missing_tiles)
            fed += feeding.feed(connection, missing_work - sum(not one.in_tiles for one in fed))
        return _messages(fed)

    def published(self, numbers: Sequence[int]) -> None:
        if numbers:
            with self._database.changing() as connection:
                feeding.confirmed(connection, numbers)
            self._fed.update(dict.fromkeys(numbers, time.monotonic()))

    def _enter(self, reports: Sequence[tuple[str, bytes]]) -> None:
        with self._database.changing() as connection:
            for routing_key, body in reports:
                bookkeeping.enter(connection, routing_key, body, only_if_fed=True)

    def _enter_one_by_one(self, reports: Sequence[tuple[str, bytes]]) -> None:
        for report in reports:
            try:
                self._enter([report])
            except FarmError:
                raise
            except Exception:
                log.exception("a report that can't be entered, %r: %.200r", *report)

    @property
    def _database(self) -> Database:
        """Opened by the thread that uses it."""
        if self._opened is None:
            self._opened = Database(self._folder, durable=True)
        return self._opened

    def _depth(self, count: int) -> int:
        """How many tasks should wait for so many workers."""
        return max(_LEAST, _A_WORKER * count, len(self._finished))

    def _look_after(self, in_queue: int) -> None:
        now = time.monotonic()
        if in_queue:
            self._look_for_lost_at = now + _LOOK_FOR_LOST
        elif now >= self._look_for_lost_at:
            self._look_for_lost_at = now + _LOOK_FOR_LOST
            self._feed_lost_again(now)
        if now >= self._forget_at:
            self._forget_at = now + _FORGET
            with self._database.changing() as connection:
                workers.forget_silent(connection)

    def _feed_lost_again(self, now: float) -> None:
        """What RabbitMQ was given and has no more, as after a disk of its was lost."""
        with self._database.changing() as connection:
            waiting = feeding.not_received(connection)
            self._fed = {number: fed for number in waiting if (fed := self._fed.get(number)) is not None}
            lost = [number for number in waiting if self._fed.get(number, self._started) < now - _LOST]
            feeding.take_back(connection, lost)
        if lost:
            log.warning("%d tasks are no longer in RabbitMQ: they are fed again", len(lost))


def _messages(fed: Sequence[feeding.Fed]) -> list[Message]:
    return [Message(one.number, one.body, TILE_QUEUE if one.in_tiles else WORK_QUEUE) for one in fed]
