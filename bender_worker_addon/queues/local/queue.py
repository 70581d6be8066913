# SPDX-License-Identifier: GPL-3.0-or-later
"""LocalQueue: tasks from a queue on this machine, in an SQLite file that all its workers share. No RabbitMQ.

At least once, as there: a task stays in the queue until it is acked, and what is held by a worker that is gone goes to
others. What is reported is entered into the farm's books. What outgrows one machine uses RabbitMQ.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ...core import tile
from ...core.deliveries import Confirmed, Connected, Delivered, Delivery, Disconnected, Ordered, OthersSeen
from ...core.errors import FarmError, WorkerError
from ...core.transfers import CANCELED, JobStatus
from ...farm import bookkeeping, books, control, feeding, queueing, tail, tiles, workers
from ...farm.database import Database
from ...system.threads import Thread
from .owners import Owner, clear_away_dead, lives
from .upkeep import Upkeep

log = logging.getLogger(__name__)

_LOOK = 0.1  # seconds between two looks at whether another process has changed something
_LOOK_FOR_DEAD = 1.0  # seconds between two looks at whether those who hold tasks still live
_ONE_KIND = "one kind"  # among makers: jobs that are to be rendered on one kind of device, and not settled to any
_MADE_BY = f"iif({tiles.IS_OF_ONE}, iif(job.blender = '' AND {tiles.WANTS_ONE_KIND}, '{_ONE_KIND}', job.blender), '')"
_RETRY = 5.0  # seconds until a queue that could not be used is tried again

_Command = Callable[[sqlite3.Connection], Any]  # changes the queue; gives an event for the worker, or None


class LocalQueue:
    """A TaskQueue on a thread of its own. A session lasts until the file can't be used, as with a full disk; then all
    that was held goes back, and another is tried."""

    name = "the local queue"

    def __init__(
        self, folder: Path, *, jobs: Path, inbox: SimpleQueue[Any], worker_id: str = "", blender: str = ""
    ) -> None:
        """`folder` is the farm's, which holds the queue; `jobs` has a folder a job; `worker_id`: whose orders come;
        `blender`: the version that renders, "" if that is not known."""
        self._blender = blender
        self._makers = tile.makers(blender)
        self._folder = folder
        self._owners = folder / "owners"
        self._jobs = jobs
        self._worker_id = worker_id
        self._inbox = inbox
        self._commands: SimpleQueue[_Command | None] = SimpleQueue()
        self._closing = threading.Event()
        self._prefetch = 0
        self._session = 0
        self._held: set[int] = set()
        self._aside: set[int] = set()  # those held that don't count
        self._last: frozenset[str] = frozenset()  # jobs that come after all others
        self._database: Database
        self._upkeep: Upkeep
        self._owner: Owner
        self._seen = 0
        self._look_for_dead_at = 0.0
        self._thread = Thread(self._run, name="bender-local-queue", inbox=inbox)

    # What the worker decides

    def start(self) -> None:
        self._thread.start()

    def ack(self, delivery: Delivery) -> None:
        self._commands.put(lambda connection: self._remove(connection, delivery))

    def requeue(self, delivery: Delivery) -> None:
        self._commands.put(lambda connection: self._put_back(connection, delivery))

    def reject(self, delivery: Delivery) -> None:
        """There is no dead-letter exchange: why it was rejected stands in the books, and there it can be retried."""
        self.ack(delivery)

    def set_aside(self, delivery: Delivery) -> None:
        self._commands.put(lambda _: self._hold_aside(delivery))

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        self._commands.put(lambda connection: self._enter(connection, session, report_id, routing_key, body))

    def tell(self, session: int, routing_key: str, body: bytes) -> None:
        self._commands.put(lambda connection: self._enter(connection, session, None, routing_key, body))

    def consume(self, prefetch: int) -> None:
        self._prefetch = prefetch
        self._commands.put(None)

    def put_last(self, jobs: frozenset[str]) -> None:
        self._last = jobs

    def renders_on(self, kind: str) -> None:
        self._makers = tile.makers(self._blender, kind)

    def look_for_others(self) -> None:
        """Who works on this machine can do what this worker can."""
        self._inbox.put(OthersSeen(0))

    def close(self, *, timeout: float) -> None:
        self._closing.set()
        self._commands.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout)

    # What the thread does

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._one_session()
            except FarmError as error:
                self._inbox.put(Disconnected(str(error), _RETRY))
                self._closing.wait(_RETRY)

    def _one_session(self) -> None:
        with ExitStack() as stack:
            self._database = stack.enter_context(closing(Database(self._folder, checkpoints=False)))
            self._upkeep = stack.enter_context(closing(Upkeep(self._folder, jobs=self._jobs)))
            with self._database.changing():
                self._owner = stack.enter_context(closing(_owner(self._owners)))
            self._session += 1
            self._held.clear()
            self._aside.clear()
            self._look_for_dead_at = 0.0
            self._inbox.put(Connected(self._session))
            self._carry_out([])
            while not self._closing.is_set():
                commands = self._next_commands()
                self._upkeep.check()
                if commands or self._is_news():
                    self._carry_out(commands)
            self._carry_out([*self._left(), self._put_all_back])

    def _next_commands(self) -> list[_Command | None]:
        """All that was decided since; waits a moment for it."""
        try:
            first = self._commands.get(timeout=_LOOK)
        except Empty:
            return []
        return [first, *self._left()]

    def _left(self) -> Iterator[_Command | None]:
        while not self._commands.empty():
            yield self._commands.get()

    def _is_news(self) -> bool:
        """Whether somebody else has changed something, or may have died."""
        seen, self._seen = self._seen, self._database.version
        return self._seen != seen or (bool(self._room) and time.monotonic() >= self._look_for_dead_at)

    def _carry_out(self, commands: list[_Command | None]) -> None:
        """Does what was decided, in one transaction, and takes what there is room for; tells of it once it is so."""
        with self._database.changing() as connection:
            events = [command(connection) for command in commands if command is not None]
            events += self._take(connection)
            events += self._orders(connection)
            events += self._canceled(connection)
        for event in events:
            if event is not None:
                self._inbox.put(event)
        self._upkeep.notify()

    @property
    def _room(self) -> int:
        return 0 if self._closing.is_set() else max(0, self._prefetch - len(self._held - self._aside))

    def _take(self, connection: sqlite3.Connection) -> Iterator[Delivered]:
        if self._room and time.monotonic() >= self._look_for_dead_at:
            self._look_for_dead_at = time.monotonic() + _LOOK_FOR_DEAD
            self._put_back_of_dead(connection)
        room = self._room
        last = self._last  # the worker may change both meanwhile: this one first
        makers = self._makers  # the worker may change it meanwhile
        there = workers.makers(connection) if room else set[str]()
        theirs = there - {self._blender, makers} if self._blender else set[str]()
        kept = tail.settle(connection, there) if room else frozenset[int]()
        if not tile.parted(makers)[1] and any(tile.parted(one)[1] for one in theirs):
            theirs.add(_ONE_KIND)
        rows = _waiting(connection, room, theirs=theirs, kept=kept, but_of=last)
        if last and len(rows) < room:
            taken = {number for number, *_ in rows}
            others = [row for row in _waiting(connection, room, theirs=theirs, kept=kept) if row[0] not in taken]
            rows += others[: room - len(rows)]
        for number, body, redelivered in rows:
            connection.execute("UPDATE message SET owner = ? WHERE number = ?", (self._owner.name, number))
            of_one = f"SELECT job FROM message WHERE number = ? AND {tiles.IS_OF_ONE}"
            (job,) = connection.execute(of_one, (number,)).fetchone() or (None,)
            if self._blender and job and tiles.are_rendered_by(connection, job, makers):
                books.has_changed(connection, job)
            self._held.add(number)
            body = body.encode() if isinstance(body, str) else body
            yield Delivered(Delivery(self._session, number, body, bool(redelivered)))

    def _orders(self, connection: sqlite3.Connection) -> list[Ordered]:
        came = time.monotonic()
        return [Ordered(body, came) for body in control.taken(connection, self._worker_id)]

    def _canceled(self, connection: sqlite3.Connection) -> list[JobStatus]:
        """Of the jobs of which something is held here, those that were canceled meanwhile; told until it is let go."""
        if not self._held:
            return []
        rows = connection.execute(
            "SELECT DISTINCT job FROM message WHERE owner = ? AND job IN (SELECT id FROM job WHERE canceled)",
            (self._owner.name,),
        ).fetchall()
        return [JobStatus(job, CANCELED) for (job,) in rows]

    def _remove(self, connection: sqlite3.Connection, delivery: Delivery) -> None:
        if self._let_go(delivery):
            its = (delivery.tag, self._owner.name)
            gone = connection.execute("DELETE FROM message WHERE number = ? AND owner = ? RETURNING job, task", its)
            for job, task in gone.fetchall():
                queueing.is_gone(connection, job, task)

    def _put_back(self, connection: sqlite3.Connection, delivery: Delivery) -> None:
        if self._let_go(delivery):
            queueing.put_back(connection, "number = ? AND owner = ?", (delivery.tag, self._owner.name))

    def _hold_aside(self, delivery: Delivery) -> None:
        if delivery.session == self._session:
            self._aside.add(delivery.tag)

    def _let_go(self, delivery: Delivery) -> bool:
        """Holds it no longer; False if it was not held."""
        if delivery.session != self._session or delivery.tag not in self._held:
            log.debug("delivery %d of session %d is no longer held here", delivery.tag, delivery.session)
            return False
        self._held.remove(delivery.tag)
        self._aside.discard(delivery.tag)
        return True

    def _enter(
        self, connection: sqlite3.Connection, session: int, report_id: int | None, routing_key: str, body: bytes
    ) -> Confirmed | None:
        if session != self._session:
            return None
        bookkeeping.enter(connection, routing_key, body, settles=False)
        return None if report_id is None else Confirmed((report_id,))

    def _put_back_of_dead(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT DISTINCT owner FROM message WHERE owner IS NOT NULL").fetchall()
        for owner in {owner for (owner,) in rows} - {queueing.PAUSED, feeding.OWNER}:
            if owner != self._owner.name and not lives(self._owners, owner):
                log.info("a worker has died; what it held is in the queue again")
                _put_back_all_of(connection, owner)

    def _put_all_back(self, connection: sqlite3.Connection) -> None:
        self._held.clear()
        _put_back_all_of(connection, self._owner.name)


def _waiting(
    connection: sqlite3.Connection,
    most: int,
    *,
    theirs: set[str],
    kept: frozenset[int],
    but_of: frozenset[str] = frozenset(),
) -> list[tuple[int, str | bytes, int]]:
    """The messages that nobody holds, in their turn: number, body, whether they were out before. None that are `kept`
    back, nor of tiles that others render who are there: `theirs`."""
    others = f" AND message.number NOT IN ({','.join(map(str, kept))})" if kept else ""
    others += f" AND coalesce(message.job, '') NOT IN ({','.join('?' * len(but_of))})" if but_of else ""
    others += f" AND coalesce({_MADE_BY}, '') NOT IN ({','.join('?' * len(theirs))})" if theirs else ""
    return connection.execute(
        f"SELECT message.number, coalesce(message.body, {feeding.NAMED}), redelivered FROM message"
        " LEFT JOIN task ON task.job = message.job AND task.id = message.task"
        f" LEFT JOIN job ON job.id = message.job WHERE owner IS NULL{others}"
        " ORDER BY message.priority DESC, message.number LIMIT ?",
        (*but_of, *theirs, most),
    ).fetchall()


def _put_back_all_of(connection: sqlite3.Connection, owner: str) -> None:
    queueing.put_back(connection, "owner = ?", (owner,))


def _owner(folder: Path) -> Owner:
    try:
        clear_away_dead(folder)
        return Owner(folder)
    except (OSError, WorkerError) as error:
        raise FarmError(f"{folder} can't be used: {error}") from error
