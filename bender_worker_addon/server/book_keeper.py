# SPDX-License-Identifier: GPL-3.0-or-later
"""BookKeeper: between the farm's books and RabbitMQ: enters what is reported, and says what is to be fed."""

import json
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ..core import tile
from ..core.errors import FarmError
from ..farm import bookkeeping, feeding, workers
from ..farm.database import Database
from ..queues.rabbitmq.channels import WORK_QUEUE, tile_queue
from ..queues.rabbitmq.feeder import Message

log = logging.getLogger(__name__)

_A_WORKER = 2  # tasks that wait in RabbitMQ for each
_LEAST = 4  # tasks that wait there at least: a worker that nobody has heard of yet finds something to do
_RECENT = 2.0  # seconds: as many tasks wait as were finished in these, if that is more
_ALIVE = 180.0  # seconds since a worker was heard: three heartbeats
_LOST = 120.0  # seconds after which a task that no worker has received, with an empty queue, is fed again
_LOOK_FOR_LOST = 10.0  # seconds between two looks
_MAKERS = 8  # versions, and kinds of device, whose queues of tiles are looked after: anybody could make up any number
_FORGET = 3600.0  # seconds between two looks at which workers are known no more


class BookKeeper:
    """For the link's thread alone: see `farm_link.Farm`."""

    def __init__(self, folder: Path, *, changed: Callable[[], None]) -> None:
        """`folder` is the farm's; `changed` is called when something has been entered."""
        self._folder = folder
        self._changed = changed
        self._finished: deque[float] = deque()
        self._heard: dict[str, float] = {}  # workers, and when
        self._renders_tiles: dict[str, list[str]] = {}  # those of them that have said so, as which makers
        self._were: dict[str, float] = {}  # makers that a worker is no longer, and since when
        self._abandoned: set[str] = set()  # queues of tiles in which nothing is wanted any more
        self._fed: dict[int, float] = {}  # messages that this server has fed, and when
        self._started = time.monotonic()
        self._look_for_lost_at = self._started + _LOST
        self._forget_at = self._started
        self._settle_anew_at = self._started + _ALIVE  # once all who live can have been heard
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
                self._hears(sender, workers.renders_tiles(body))
            if step == "finish":
                self._finished.append(now)
            if step != "stat":
                self._heard[sender] = now
        self._changed()

    def connected(self) -> list[Message]:
        self._settle_anew_at = time.monotonic() + _ALIVE
        with self._database.looking() as connection:
            again = feeding.unconfirmed(connection)
            for worker in workers.workers(connection):  # those that were here when the server ended
                if worker.presence == workers.HERE and worker.id not in self._heard:
                    self._heard[worker.id] = time.monotonic()
                    self._hears(worker.id, workers.renders_tiles(json.dumps(worker.hello).encode()))
        if again:
            log.info("%d tasks may not have reached RabbitMQ: they are published (again)", len(again))
        return _messages(again)

    def emptied(self) -> None:
        with self._database.changing() as connection:
            lost = feeding.fed(connection)
            feeding.take_back(connection, lost)
        if lost:
            log.warning("RabbitMQ has lost all that it held: %d tasks are fed again", len(lost))

    def tile_queues(self) -> list[str]:
        """Those of the makers that are there."""
        return [tile_queue(makers) for makers in self._makers()]

    def abandoned(self) -> set[str]:
        """Queues of tiles that are to be emptied: what was in them is fed again, into another."""
        abandoned, self._abandoned = self._abandoned, set()
        return abandoned

    def wanted(self, *, in_work: int, in_tiles: Mapping[str, int]) -> list[Message]:
        """What is to be done next, whichever queue it goes into; and as most workers take from both, as many from all
        together as they need. Those that take none of the tiles that wait find something to do all the same."""
        now = time.monotonic()
        while self._finished and self._finished[0] < now - _RECENT:
            self._finished.popleft()
        self._heard = {worker: heard for worker, heard in self._heard.items() if heard > now - _ALIVE}
        makers = self._makers()
        waiting = {one: in_tiles.get(tile_queue(one), 0) for one in makers}
        self._look_after(in_work + sum(in_tiles.values()), makers)
        missing = self._depth(len(self._heard)) - in_work - sum(waiting.values())
        room = {one: self._depth(count) - waiting[one] for one, count in makers.items()}
        busy = {one for one in makers if waiting[one]}
        if missing <= 0 and self._missing_of_others(busy) <= in_work:
            return []
        with self._database.changing() as connection:
            fed = feeding.feed(connection, missing, in_tiles=room)
            busy.update(one.makers for one in fed if one.in_tiles)
            in_work += sum(not one.in_tiles for one in fed)
            theirs = Counter(one for worker in self._others(busy) for one in self._renders_tiles.get(worker, ()))
            room = {one: self._depth(theirs[one]) if one in theirs else 0 for one in makers}
            fed += feeding.feed(connection, self._missing_of_others(busy) - in_work, in_tiles=room)
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

    def _others(self, makers: Collection[str]) -> list[str]:
        """The workers that are none of these, and can take none of what waits for them."""
        return [one for one in self._heard if not set(makers).intersection(self._renders_tiles.get(one, ()))]

    def _missing_of_others(self, makers: Collection[str]) -> int:
        """How many tasks should wait for those that are none of these `makers`, to whom what waits is of no use; 0 if
        all that waits is for everybody."""
        others = len(self._others(makers)) if makers else 0
        return self._depth(others) if others else 0

    def _hears(self, worker: str, makers: list[str]) -> None:
        """It renders tiles as these. One that has just started doesn't know its kind yet."""
        before = self._renders_tiles.get(worker, ())
        self._were.update(dict.fromkeys(set(before) - set(makers), time.monotonic()))
        self._renders_tiles[worker] = makers

    def _makers(self) -> dict[str, int]:
        """How many workers render tiles, by their version of Blender, and by version and kind of device; what most are
        comes first."""
        found = Counter(one for worker in sorted(self._heard) for one in self._renders_tiles.get(worker, ()))
        kinds = Counter({one: count for one, count in found.items() if tile.parted(one)[1]})
        return dict((found - kinds).most_common(_MAKERS) + kinds.most_common(_MAKERS))

    def _look_after(self, in_queue: int, makers: Mapping[str, int]) -> None:
        now = time.monotonic()
        self._were = {one: left for one, left in self._were.items() if left > now - _ALIVE}
        if makers and now >= self._settle_anew_at:
            self._settle_anew_at = now + _LOOK_FOR_LOST
            with self._database.changing() as connection:
                lost = feeding.settle_anew(connection, {*makers, *self._were})
            for job, gone in lost.items():
                words = "job %s: there is no worker with Blender %s any more, which rendered its tiles: others do"
                log.warning(words, job, gone)
            self._abandoned |= set(map(tile_queue, lost.values()))
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
    return [Message(one.number, one.body, tile_queue(one.makers) if one.in_tiles else WORK_QUEUE) for one in fed]
