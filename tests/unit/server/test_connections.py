# SPDX-License-Identifier: GPL-3.0-or-later
"""Who dawdles is hung up on, and nobody can occupy all the seats: sockets of our own against a small server."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest
import uvicorn

from bender_worker_addon.server.web.connections import Connections, as_protocol, new_loop
from bender_worker_addon.server.web.lingering import Lingering
from tests.unit.support import DEADLINE

PATIENCE = 1.0  # seconds that the server has for anybody
HEAD = b"GET / HTTP/1.1\r\nHost: farm\r\n\r\n"
BODY = b"POST /body HTTP/1.1\r\nHost: farm\r\nContent-Length: 20\r\n\r\n"
LARGE = 64 << 20  # bytes: more than any buffer on the way takes
MUCH_AND_NO_MORE = b"POST / HTTP/1.1\r\nHost: farm\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % LARGE


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Shows a key to be let in at `/key`, answers much at `/large`, and reads all of a body."""
    if scope["path"] == "/key":
        scope["state"]["caller"] = "somebody"
    while scope["path"] == "/body" and (await receive()).get("more_body"):
        pass
    size = LARGE if scope["path"] == "/large" else 2
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
    for _ in range(size >> 20):
        await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
    await send({"type": "http.response.body", "body": b"ok" if size == 2 else b""})


@contextmanager
def served(app: Any = app, **limits: Any) -> Iterator[int]:
    """Gives the port."""
    seats = Connections(**{"head": PATIENCE, "silence": PATIENCE, **limits})
    config = uvicorn.Config(app, http=as_protocol(seats), lifespan="off", ws="none", log_config=None)
    web = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(web.serve(sockets=[listening]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        web.should_exit = web.force_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served() as found:
        yield found


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)


def answer(connection: socket.socket) -> tuple[int, str]:
    """Status and body of a short answer."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(int(line.split()[1]) for line in head.splitlines() if line.lower().startswith(b"content-length"))
    while len(body) < length:
        body += connection.recv(4096)
    return int(head.split()[1]), body.decode()


def is_hung_up_on(connection: socket.socket) -> bool:
    """Whether the server ends it, within the deadline."""
    with suppress(ConnectionError):
        while connection.recv(1 << 16):
            pass
    return True


@pytest.mark.parametrize(
    "said",
    [b"", HEAD[:-2], BODY + b"half"],
    ids=["nothing", "half a head", "half a body"],
)
def test_who_says_no_more_is_hung_up_on(port: int, said: bytes) -> None:
    with closing(connected(port)) as connection:
        connection.sendall(said)
        assert is_hung_up_on(connection)


def test_a_head_that_drips_is_not_waited_for(port: int) -> None:
    began = time.monotonic()
    with closing(connected(port)) as connection, suppress(ConnectionError):
        while time.monotonic() < began + DEADLINE:
            connection.sendall(b"x")
            time.sleep(0.05)
    assert time.monotonic() - began < DEADLINE


def test_a_body_that_comes_slowly_but_comes_is_waited_for(port: int) -> None:
    with closing(connected(port)) as connection:
        connection.sendall(BODY)
        for _ in range(20):
            time.sleep(PATIENCE / 10)
            connection.sendall(b"x")
        assert answer(connection) == (200, "ok")


def test_who_goes_on_sending_what_was_answered_already_is_hung_up_on(port: int) -> None:
    began = time.monotonic()
    with closing(connected(port)) as connection, suppress(ConnectionError):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: farm\r\nContent-Length: 9999999\r\n\r\n")
        while time.monotonic() < began + DEADLINE:
            connection.sendall(b"x")
            time.sleep(0.05)
    assert time.monotonic() - began < DEADLINE


def test_who_is_answered_early_may_say_the_rest_and_then_reads_the_answer() -> None:
    """Else it is told of a reset, as which Windows gives it nothing of the answer."""
    with served(Lingering(app), silence=60) as port, closing(connected(port)) as connection:
        connection.sendall(MUCH_AND_NO_MORE)
        connection.sendall(bytes(LARGE))
        assert answer(connection) == (200, "ok")
        assert connection.recv(1) == b""


@pytest.mark.parametrize("limits", [{"most": 1 << 20}, {"longest": PATIENCE}], ids=["bytes", "seconds"])
def test_who_is_answered_early_is_not_listened_to_for_ever(limits: Any) -> None:
    with served(Lingering(app, **limits), silence=60) as port, closing(connected(port)) as connection:
        connection.sendall(MUCH_AND_NO_MORE)
        assert answer(connection) == (200, "ok")
        if "most" in limits:
            with suppress(ConnectionError):
                connection.sendall(bytes(LARGE // 2))
        assert is_hung_up_on(connection)


def test_who_wants_to_be_asked_for_its_body_is_not_waited_for_when_it_is_answered_at_once() -> None:
    with served(Lingering(app), silence=60) as port, closing(connected(port)) as connection:
        connection.sendall(MUCH_AND_NO_MORE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert answer(connection) == (200, "ok")
        assert is_hung_up_on(connection)


def test_who_reads_no_more_is_hung_up_on_and_who_reads_slowly_is_not(port: int) -> None:
    with closing(connected(port)) as stuck, closing(connected(port)) as slow:
        for connection in (stuck, slow):
            connection.sendall(HEAD.replace(b"/", b"/large", 1))
        came, began = 0, time.monotonic()
        while time.monotonic() < began + 4 * PATIENCE + 2:  # the server looks once a second
            came += len(slow.recv(1 << 18))
            time.sleep(0.01)
        while came < LARGE:
            came += len(slow.recv(1 << 20))
        received = 0
        with suppress(ConnectionError):
            while piece := stuck.recv(1 << 20):
                received += len(piece)
        assert received < LARGE


def test_answers_to_one_who_asks_again_and_again_are_not_held_back(port: int) -> None:
    """As they are by Nagle's algorithm: for 40 ms each, until the other side acknowledges what came before."""
    with closing(connected(port)) as connection:
        took = []
        for _ in range(20):
            began = time.monotonic()
            connection.sendall(HEAD)
            assert answer(connection) == (200, "ok")
            took.append(time.monotonic() - began)
    assert min(took[1:]) < 0.03


def test_what_is_no_http_is_answered_in_a_sentence(port: int) -> None:
    with closing(connected(port)) as connection:
        connection.sendall(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
        status, body = answer(connection)
        assert (status, set(json.loads(body))) == (400, {"error"})


def test_who_asks_for_nothing_makes_way_and_who_has_shown_a_key_goes_last() -> None:
    with served(in_all=9, of_an_address=3, head=60) as port:
        known, idle = connected(port), connected(port)
        known.sendall(HEAD.replace(b"/", b"/key", 1))
        assert answer(known) == (200, "ok")
        others = [connected(port) for _ in range(5)]
        assert is_hung_up_on(idle)
        for connection in (others[-1], known):
            connection.sendall(HEAD)
            assert answer(connection) == (200, "ok")
        for connection in (known, idle, *others):
            connection.close()


def test_where_all_are_busy_a_newcomer_is_told_so() -> None:
    with served(in_all=2, of_an_address=9, silence=60) as port:
        busy = [connected(port) for _ in range(2)]
        for connection in busy:
            connection.sendall(
                b"POST /body HTTP/1.1\r\nHost: farm\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
            )
            assert b" 100 " in connection.recv(4096)  # its body is awaited
        with closing(connected(port)) as newcomer:
            status, body = answer(newcomer)
        assert (status, "try again" in json.loads(body)["error"]) == (503, True)
        busy.pop().close()
        deadline = time.monotonic() + DEADLINE
        while True:
            with closing(connected(port)) as newcomer:
                newcomer.sendall(HEAD)
                with suppress(ConnectionError):
                    if answer(newcomer)[0] == 200:
                        break
            assert time.monotonic() < deadline
        busy.pop().close()
