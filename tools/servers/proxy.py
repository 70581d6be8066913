# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy that can be told to misbehave: to fall silent, to cut, to refuse, to be far away. For RabbitMQ and HTTP.

with Proxy(port) as proxy:
    ...  # a worker is given proxy.port
    proxy.stall()  # a black hole: connections stay, nothing comes through, new ones are taken and never answered
    proxy.heal()
    proxy.hold_answers()  # what is sent arrives, what is answered does not
"""

import contextlib
import socket
import threading
import time
from queue import Queue
from typing import Self

_PIECE = 1 << 16  # bytes
_AHEAD = 16  # pieces that are on their way at once on a line that has a rate


class Proxy:
    """Listens on 127.0.0.1 from `with` to its end, on the same `port` all the time. `delay`: seconds that everything
    is on its way, in either direction; `rate`: bytes a second of each connection, each way, 0 for as many as can be.
    `up` and `down` count the bytes that went to the target and came from it."""

    def __init__(self, target: int, *, delay: float = 0.0, rate: float = 0.0) -> None:
        self._target = target
        self._delay = delay
        self._rate = rate
        self.up = self.down = 0
        self._counting = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._connections: set[socket.socket] = set()
        self._flowing, self._answering, self._closing = threading.Event(), threading.Event(), threading.Event()
        self._flowing.set()
        self._answering.set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept, self._server)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._flowing.set()
        self._answering.set()
        self._hang_up(self._server)
        self.cut()
        for thread in self._threads:
            thread.join()

    def stall(self) -> None:
        """From now on nothing comes through, in either direction."""
        self._flowing.clear()

    def hold_answers(self) -> None:
        """From now on what is sent comes through, and no answer to it."""
        self._answering.clear()

    def heal(self) -> None:
        """What was held back comes through; new connections are served again."""
        self._flowing.set()
        self._answering.set()
        if self._server.fileno() == -1:
            self._server = socket.create_server(("127.0.0.1", self.port))
            self._start(self._accept, self._server)

    def cut(self) -> None:
        """Ends all connections there are."""
        for connection in list(self._connections):
            self._hang_up(connection)

    def refuse(self) -> None:
        """Ends all connections, and there is nobody there for new ones."""
        self._hang_up(self._server)
        self.cut()

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        self._threads.append(threading.Thread(target=work, args=arguments, name="proxy"))
        self._threads[-1].start()

    def _accept(self, server: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                near, _ = server.accept()
            except OSError:  # it is closed
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._connections |= {near, far}
            self._start(self._pass_on, near, far, self._flowing)
            self._start(self._pass_on, far, near, self._flowing, self._answering)

    def _pass_on(self, source: socket.socket, to: socket.socket, *gates: threading.Event) -> None:
        on_the_way: Queue[tuple[float, bytes]] = Queue(_AHEAD if self._rate else 0)
        self._start(self._deliver, on_the_way, to, gates)
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                on_the_way.put((time.monotonic() + self._delay, piece))
        on_the_way.put((time.monotonic() + self._delay, b""))
        self._hang_up(source)

    def _deliver(
        self, on_the_way: Queue[tuple[float, bytes]], to: socket.socket, gates: tuple[threading.Event, ...]
    ) -> None:
        free = 0.0  # when the line is, for the next piece
        with contextlib.suppress(OSError):
            while (arrival := on_the_way.get())[1]:
                time.sleep(max(0.0, arrival[0] - time.monotonic(), free - time.monotonic()))
                for gate in gates:
                    gate.wait()
                free = max(free, time.monotonic()) + (len(arrival[1]) / self._rate if self._rate else 0.0)
                self._count(len(arrival[1]), answer=self._answering in gates)
                to.sendall(arrival[1])
            self._hang_up(to)
            return
        self._hang_up(to)
        while on_the_way.get()[1]:  # nobody takes it any more; who reads for it is not to wait for room
            pass

    def _count(self, size: int, *, answer: bool) -> None:
        with self._counting:
            if answer:
                self.down += size
            else:
                self.up += size

    def _hang_up(self, end: socket.socket) -> None:
        self._connections.discard(end)
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
