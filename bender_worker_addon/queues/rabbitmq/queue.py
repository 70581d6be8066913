# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitQueue: tasks from RabbitMQ. Its thread keeps a connection, made again whenever it is lost; what the worker has
decided is done there, and what came of it is put into the worker's inbox.
"""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from pika.adapters.blocking_connection import BlockingConnection
from pika.exceptions import AMQPError

from ...core.deliveries import Delivery, Disconnected, Unwelcome
from ...settings.tls import SYSTEM_TLS, Tls
from ...system.threads import Thread
from .backoff import Backoff
from .channels import of_kind, parameters, take_id
from .deliveries import Deliveries
from .errors import CONNECTION_ERRORS, IdTaken, close_quietly, in_words
from .leases import LeaseTimes
from .session import Session

log = logging.getLogger(__name__)

_ID_TAKEN = 200.0  # seconds after which RabbitMQ has noticed that a worker is gone, however it went


class RabbitQueue:
    """A TaskQueue."""

    name = "RabbitMQ"

    def __init__(
        self,
        *,
        url: str,
        worker_id: str,
        inbox: SimpleQueue[Any],
        tls: Tls = SYSTEM_TLS,
        lease_times: LeaseTimes | None = None,
        tiles: str = "",
    ) -> None:
        """`tiles`: the queue of tiles that are taken, too. Raises ConfigError if `url` can't be understood or a file
        of `tls` can't be used."""
        self._parameters = parameters(url, worker_id, tls)
        self._worker_id = worker_id
        self._inbox = inbox
        self._lease_times = lease_times or LeaseTimes()
        self._of_tiles = tiles
        self._tiles = [tiles] if tiles else []
        self._deliveries = Deliveries()
        self._commands: SimpleQueue[Callable[[Session], None]] = SimpleQueue()
        self._prefetch = 0
        self._sessions = 0
        self._connection: BlockingConnection | None = None
        self._is_woken = False
        self._closing = threading.Event()
        self._thread = Thread(self._run, name="bender-rabbitmq", inbox=inbox)

    # What the worker decides

    def start(self) -> None:
        self._thread.start()

    def ack(self, delivery: Delivery) -> None:
        self._do(lambda session: session.ack(delivery))

    def requeue(self, delivery: Delivery) -> None:
        self._do(lambda session: session.requeue(delivery))

    def reject(self, delivery: Delivery) -> None:
        self._do(lambda session: session.reject(delivery))

    def set_aside(self, delivery: Delivery) -> None:
        self._do(lambda session: session.set_aside(delivery))

    def put_last(self, jobs: frozenset[str]) -> None:
        """RabbitMQ gives out what comes next."""

    def renders_on(self, kind: str) -> None:
        if self._of_tiles:
            self._tiles = [*([of_kind(self._of_tiles, kind)] if kind else []), self._of_tiles]
            tiles = self._tiles
            self._do(lambda session: session.takes_tiles(tiles))

    def look_for_others(self) -> None:
        self._do(lambda session: session.look_for_others())

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        self._do(lambda current: current.publish(session, report_id, routing_key, body))

    def tell(self, session: int, routing_key: str, body: bytes) -> None:
        self._do(lambda current: current.tell(session, routing_key, body))

    def consume(self, prefetch: int) -> None:
        self._prefetch = prefetch
        self._do(lambda session: session.may_hold(prefetch))

    def close(self, *, timeout: float) -> None:
        self._closing.set()
        self._wake_up()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _do(self, command: Callable[[Session], None]) -> None:
        self._commands.put(command)
        if not self._is_woken:
            self._wake_up()

    def _wake_up(self) -> None:
        connection = self._connection
        if connection is not None:
            self._is_woken = True
            try:
                connection.add_callback_threadsafe(_nothing)
            except AMQPError:
                log.debug("the connection is going down; this is left to the next session")

    # What the thread does

    def _run(self) -> None:
        started, backoff = time.monotonic(), Backoff()
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                self._one_session()
            except CONNECTION_ERRORS as error:
                if self._closing.is_set():
                    return
                if isinstance(error, IdTaken) and not self._sessions and time.monotonic() - started >= _ID_TAKEN:
                    self._inbox.put(Unwelcome(str(error)))
                    return
                retry_in = backoff.after(time.monotonic() - began)
                self._inbox.put(Disconnected(in_words(error), retry_in))
                self._closing.wait(retry_in)

    def _one_session(self) -> None:
        """Connects and serves until it is to be closed. Raises one of CONNECTION_ERRORS if it can't."""
        connection = BlockingConnection(self._parameters)
        try:
            take_id(connection, self._worker_id)
            self._sessions += 1
            session = Session(
                connection,
                self._sessions,
                deliveries=self._deliveries,
                worker_id=self._worker_id,
                lease_times=self._lease_times,
                inbox=self._inbox,
                tiles=self._tiles,
            )
            session.may_hold(self._prefetch)
            self._connection = connection
            self._carry_out(session)
            while not self._closing.is_set():
                session.serve()
                self._carry_out(session)
            self._carry_out(session)
            session.await_confirmations()
        finally:
            self._connection = None
            close_quietly(connection)

    def _carry_out(self, session: Session) -> None:
        """Does what was decided."""
        self._is_woken = False
        while not self._commands.empty():
            self._commands.get()(session)
        session.provide()


def _nothing() -> None:
    """Makes process_data_events return."""
