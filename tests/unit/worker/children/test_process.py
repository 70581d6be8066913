# SPDX-License-Identifier: GPL-3.0-or-later
"""ChildProcess: a real child process, its connection and its death, with children that misbehave in every way."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.core.messages import Command, FrameBegun, FrameWritten, Loaded, RenderFailed, Stopped
from bender_worker_addon.system.platform import WINDOWS
from bender_worker_addon.worker.children import channel, output
from bender_worker_addon.worker.children import process as renderer_module
from bender_worker_addon.worker.children.process import ChildProcess, Died
from tests.unit.gates import make, opened
from tests.unit.processes import KILLED, is_gone, is_stopped
from tests.unit.support import DEADLINE, blend, child_command, event_from

Start = Callable[..., ChildProcess]


@pytest.fixture
def inbox() -> "SimpleQueue[Any]":
    return SimpleQueue()


@pytest.fixture
def start(tmp_path: Path, inbox: "SimpleQueue[Any]") -> Iterator[Start]:
    started: list[ChildProcess] = []

    def start(name: str, *arguments: object, log_file: Path = tmp_path / "logs" / "child.log") -> ChildProcess:
        prepare = partial(child_command, name, *arguments)
        started.append(ChildProcess(child=1, prepare=prepare, log_file=log_file, temp=tmp_path / "temp", inbox=inbox))
        return started[-1]

    yield start
    for renderer in started:
        renderer.kill()
        renderer.join(DEADLINE)


def command(folder: Path, *frames: int, attempt: int = 7, **scene: Any) -> Command:
    file = folder / f"{attempt}.blend"
    file.write_bytes(blend(record=folder / "renders.txt", **scene))
    return Command(attempt, file, frames, "PNG", folder / str(attempt))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.005)


def until_written(log_file: Path, words: str) -> None:
    until(lambda: log_file.exists() and words in log_file.read_text())


def test_a_child_renders_what_it_is_told_and_says_so(start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path) -> None:
    first = command(tmp_path, 1, 2)
    start("renders").render(first)
    assert event_from(inbox, Loaded) == Loaded(1, "", "CPU")
    assert [event_from(inbox, FrameWritten).frame for _ in range(2)] == [1, 2]
    assert first.file(1).is_file()


def test_a_child_can_be_given_work_before_it_has_started_and_while_it_works(
    start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path
) -> None:
    renderer = start("renders")
    for attempt in (7, 8, 9):
        renderer.render(command(tmp_path, 1, attempt=attempt))
    assert [event_from(inbox, FrameWritten).attempt for _ in range(3)] == [7, 8, 9]


def test_a_child_that_quits_is_reaped_and_told_last(start: Start, inbox: "SimpleQueue[Any]") -> None:
    renderer = start("renders")
    renderer.quit()
    assert "exit code 0" in event_from(inbox, Died).reason
    renderer.join(DEADLINE)
    assert inbox.empty()
    assert is_gone(renderer.pid)


def test_a_child_stops_after_its_frame(start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    make(gate)
    renderer = start("renders")
    renderer.render(command(tmp_path, 1, 2, 3, wait={1: gate}))
    event_from(inbox, Loaded)
    renderer.stop_after_frame()
    opened(gate)
    assert event_from(inbox, FrameWritten).frame == 1
    assert event_from(inbox, Stopped) == Stopped(1)


def test_a_child_is_killed_in_the_middle_of_a_frame(start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path) -> None:
    make(tmp_path / "gate")
    renderer = start("renders")
    renderer.render(command(tmp_path, 1, wait={1: tmp_path / "gate"}))
    event_from(inbox, FrameBegun)
    renderer.kill()
    assert KILLED in event_from(inbox, Died).reason
    assert is_gone(renderer.pid)


def test_a_child_that_fails_lives_on(start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path) -> None:
    renderer = start("renders")
    renderer.render(command(tmp_path, 1, attempt=7, no_camera=[1]))
    renderer.render(command(tmp_path, 1, attempt=8))
    failed = event_from(inbox, RenderFailed)
    assert (failed.attempt, failed.frame, failed.scene) == (7, 1, True)
    assert event_from(inbox, FrameWritten).attempt == 8


def test_a_child_that_dies_leaves_its_last_words(start: Start, inbox: "SimpleQueue[Any]") -> None:
    start("ends_at_once")
    reason = event_from(inbox, Died).reason
    assert "exit code 3" in reason
    assert "no such device" in reason


def test_a_child_that_ends_well_without_a_word_is_told_as_dead(start: Start, inbox: "SimpleQueue[Any]") -> None:
    start("ends_well")
    assert "exit code 0" in event_from(inbox, Died).reason


def test_a_thread_of_a_child_does_not_end_unheard(start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path) -> None:
    renderer = start("renders")
    renderer.render(command(tmp_path, 1, 2, unforeseen=[1]))
    reason = event_from(inbox, Died).reason
    assert "exit code 70" in reason
    assert "LookupError: nobody thought of that" in reason


def test_a_child_that_does_not_understand_its_worker_says_so(start: Start, inbox: "SimpleQueue[Any]") -> None:
    start("renders")._channel.send({"say": "nothing known"})
    reason = event_from(inbox, Died).reason
    assert "exit code 70" in reason
    assert "KeyError: 'do'" in reason


def test_a_flood_of_output_stops_nobody_and_fills_no_disk(
    start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 2_000_000 if WINDOWS else 1_000_000_000  # under Wine each piece takes its time
    monkeypatch.setattr(output, "_LOG", size // 30)
    start("floods", size).render(command(tmp_path, 1))
    assert event_from(inbox, FrameWritten).frame == 1
    assert "the last word" in event_from(inbox, Died).reason
    assert (tmp_path / "logs" / "child.log").stat().st_size <= output._LOG + (1 << 16)


def test_what_is_printed_goes_to_the_log_of_the_command_at_hand(
    start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path
) -> None:
    """The worker need not have seen yet that it is begun."""
    renderer, logs = start("renders"), {}
    for first in (1, 3):
        gate, logs[first] = tmp_path / f"gate-{first}", tmp_path / f"{first}.log"
        make(gate)
        renderer.render(command(tmp_path, first, first + 1, attempt=first, wait={first: gate}), log_file=logs[first])
        while event_from(inbox, FrameBegun).frame != first:
            pass
        opened(gate)
        until_written(logs[first], f"rendering frame {first + 1} ")
    assert "rendering frame 4 " not in logs[1].read_text()


@pytest.mark.parametrize("log_file", ["a-folder", "a-file/child.log"])
def test_a_log_that_cannot_be_written_stops_nobody(
    start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path, log_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    renderer = start("renders")
    (tmp_path / "a-folder").mkdir()
    (tmp_path / "a-file").write_text("")
    renderer.output.log_file = tmp_path / log_file
    renderer.render(command(tmp_path, 1, 2, 3))
    assert [event_from(inbox, FrameWritten).frame for _ in range(3)] == [1, 2, 3]
    until(lambda: f"what Blender prints can't be kept in {tmp_path / log_file}" in caplog.text)


@pytest.mark.parametrize(
    "garbage",
    [b"\xff\x00", b"{}", b"null", b'{"is": "frame", "attempt": Infinity, "frame": 1}', b"[" * 60_000, b"x" * 200_000],
    ids=["bytes", "empty", "null", "Infinity", "deep", "long"],
)
def test_a_child_that_sends_garbage_is_ended(
    start: Start, inbox: "SimpleQueue[Any]", garbage: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "garbage"
    file.write_bytes(garbage)
    renderer = start("garbage", file)
    assert "no message" in event_from(inbox, Died).reason
    assert is_gone(renderer.pid)


def test_a_child_that_never_connects_is_ended_in_the_end(
    start: Start, inbox: "SimpleQueue[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_CONNECT", 0.1)
    renderer = start("never_connects")
    assert "did not connect" in event_from(inbox, Died).reason
    assert is_gone(renderer.pid)


def test_a_child_that_says_goodbye_and_stays_is_ended(
    start: Start, inbox: "SimpleQueue[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderer_module, "_QUIT", 0.2)
    renderer = start("stays")
    assert event_from(inbox, Died).child == 1
    assert is_gone(renderer.pid)


@pytest.mark.parametrize(
    "words",
    [b'{"is": "hello", "token": "guess"}\n', b"GET / HTTP/1.1\r\n\r\n", b"", b"[" * 60_000 + b"\n"],
    ids=["wrong token", "browser", "silent", "deep"],
)
def test_a_stranger_who_connects_first_is_not_listened_to(
    start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path, words: bytes
) -> None:
    make(tmp_path / "gate")
    renderer = start("connects_late", tmp_path / "gate")
    until(lambda: renderer.pid)
    assert renderer._channel._server is not None
    port = renderer._channel._server.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as stranger:
        stranger.sendall(words + b'{"is": "frame", "attempt": 666, "frame": 666}\n')
        stranger.shutdown(socket.SHUT_WR)
        assert stranger.recv(1) == b""
    opened(tmp_path / "gate")
    assert event_from(inbox, FrameWritten).attempt == 1


def test_a_child_whose_worker_is_gone_ends_by_itself(start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path) -> None:
    make(tmp_path / "gate")
    renderer = start("renders")
    renderer.render(command(tmp_path, 1, wait={1: tmp_path / "gate"}))
    event_from(inbox, FrameBegun)
    assert renderer._channel._connection is not None
    renderer._channel._connection.shutdown(socket.SHUT_RDWR)
    assert "exit code 1" in event_from(inbox, Died).reason


def test_a_child_knows_nothing_of_the_workers_settings(
    start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENDER_WORKER_AMQP_URL", "amqp://user:secret@host/")
    monkeypatch.setenv("HARMLESS", "kept")
    start("tells_environment", tmp_path / "environment.json")
    event_from(inbox, Died)
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert "secret" not in json.dumps(environment)
    assert environment["HARMLESS"] == "kept"
    assert environment["TMPDIR"] == environment["TEMP"] == str(tmp_path / "temp")
    assert re.fullmatch(r"\d+:[0-9a-f]{64}", environment["BENDER_CHILD_CHANNEL"])


def test_a_blender_that_is_not_there_is_named(tmp_path: Path, inbox: "SimpleQueue[Any]") -> None:
    log_file, temp = tmp_path / "log", tmp_path / "temp"
    ChildProcess(child=1, prepare=lambda: ["/nowhere/blender"], log_file=log_file, temp=temp, inbox=inbox)
    died = event_from(inbox, Died)
    assert (died.child, died.started) == (1, False)
    assert re.match("Blender could not be started: /nowhere/blender: (No such f|F)ile", died.reason)


def test_what_a_child_needs_and_cannot_have_is_told(tmp_path: Path, inbox: "SimpleQueue[Any]") -> None:
    (tmp_path / "file").touch()
    log_file, temp = tmp_path / "log", tmp_path / "file" / "temp"
    ChildProcess(child=1, prepare=lambda: ["true"], log_file=log_file, temp=temp, inbox=inbox)
    assert str(tmp_path / "file") in event_from(inbox, Died).reason


@pytest.fixture
def slow_disk(tmp_path: Path, inbox: "SimpleQueue[Any]") -> Iterator[tuple[ChildProcess, threading.Event]]:
    """A child whose disk does not answer, until it does."""
    answers = threading.Event()

    def prepare() -> list[str]:
        assert answers.wait(DEADLINE)
        return child_command("renders")

    log_file, temp = tmp_path / "log", tmp_path / "temp"
    renderer = ChildProcess(child=1, prepare=prepare, log_file=log_file, temp=temp, inbox=inbox)
    yield renderer, answers
    answers.set()
    renderer.kill()
    renderer.join(DEADLINE)


def test_nobody_waits_for_the_disk_of_a_child_that_starts(
    slow_disk: tuple[ChildProcess, threading.Event], inbox: "SimpleQueue[Any]", tmp_path: Path
) -> None:
    renderer, answers = slow_disk
    renderer.render(command(tmp_path, 1))
    assert renderer.pid == 0
    answers.set()
    assert event_from(inbox, FrameWritten).frame == 1


def test_a_child_that_is_killed_before_it_is_there_never_works(
    slow_disk: tuple[ChildProcess, threading.Event], inbox: "SimpleQueue[Any]"
) -> None:
    renderer, answers = slow_disk
    renderer.kill()
    answers.set()
    assert KILLED in event_from(inbox, Died).reason


def test_a_child_that_is_suspended_before_it_is_there_is_so_when_it_is(
    slow_disk: tuple[ChildProcess, threading.Event], inbox: "SimpleQueue[Any]"
) -> None:
    renderer, answers = slow_disk
    renderer.suspend(True)
    answers.set()
    until(lambda: renderer.pid and is_stopped(renderer.pid))
    renderer.quit()
    assert "exit code 0" in event_from(inbox, Died).reason


def test_what_is_said_to_a_dead_child_is_no_error(start: Start, inbox: "SimpleQueue[Any]", tmp_path: Path) -> None:
    renderer = start("ends_at_once")
    event_from(inbox, Died)
    renderer.render(command(tmp_path, 1))
    renderer.stop_after_frame()
    renderer.kill()
    renderer.suspend(True)


def test_a_suspended_child_that_is_to_quit_goes_on_and_ends_in_peace(start: Start, inbox: "SimpleQueue[Any]") -> None:
    renderer = start("renders")
    renderer.suspend(True)
    renderer.quit()
    assert "exit code 0" in event_from(inbox, Died).reason


def test_a_suspended_child_can_be_killed(start: Start, inbox: "SimpleQueue[Any]") -> None:
    renderer = start("renders")
    renderer.suspend(True)
    renderer.kill()
    assert KILLED in event_from(inbox, Died).reason
