# SPDX-License-Identifier: GPL-3.0-or-later
"""Executor: work beside the worker's thread, in the order it came."""

import threading
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.system.executor import Executor
from tests.unit.support import DEADLINE


def test_what_work_gives_comes_in_the_order_of_the_work() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test", inbox=inbox)
    for number in range(100):
        executor.submit(partial(int, number), failed=str)
    executor.close(timeout=DEADLINE)
    assert [inbox.get_nowait() for _ in range(100)] == list(range(100))


def test_as_many_threads_are_started_as_there_is_work_for_and_may_be() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test-threads", inbox=inbox, threads=2)
    let_go = threading.Event()

    def running() -> int:
        return len([thread for thread in threading.enumerate() if thread.name == "test-threads"])

    for _ in range(3):
        executor.submit(lambda: 1, failed=str)
        assert inbox.get(timeout=DEADLINE) == 1
    assert running() == 1
    for _ in range(3):
        executor.submit(partial(let_go.wait, DEADLINE), failed=str)
    assert running() == 2
    let_go.set()
    executor.close(timeout=DEADLINE)
    assert [inbox.get_nowait() for _ in range(3)] == [True] * 3
    assert running() == 0


def test_one_thread_does_one_thing_after_the_other() -> None:
    executor = Executor("test", inbox=SimpleQueue())
    let_go, done = threading.Event(), []

    def first() -> None:
        assert let_go.wait(DEADLINE)
        done.append("first")

    executor.do(first)
    executor.do(lambda: done.append("second"))
    let_go.set()
    executor.close(timeout=DEADLINE)
    assert done == ["first", "second"]


def test_work_that_gives_nothing_makes_no_event() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test", inbox=inbox, threads=3)
    executor.do(lambda: None)
    executor.close(timeout=DEADLINE)
    with pytest.raises(Empty):
        inbox.get_nowait()


def test_stuck_work_keeps_nobody_waiting() -> None:
    let_go: SimpleQueue[None] = SimpleQueue()
    executor = Executor("test", inbox=SimpleQueue())
    executor.do(let_go.get)
    executor.close(timeout=0)
    let_go.put(None)


def test_what_a_disk_fails_is_an_event_and_no_crash(tmp_path: Path) -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test", inbox=inbox)
    executor.submit((tmp_path / "nothing").read_bytes, failed=lambda error: error.strerror)
    executor.submit(partial(int, 7), failed=str)
    executor.close(timeout=DEADLINE)
    assert [inbox.get_nowait() for _ in range(2)] == ["No such file or directory", 7]


def test_what_fails_of_work_that_nobody_waits_for_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test", inbox=inbox)
    executor.do((tmp_path / "nothing").rmdir)
    executor.close(timeout=DEADLINE)
    assert inbox.empty()
    assert repr(str(tmp_path / "nothing")) in caplog.text


def test_what_nobody_foresaw_reaches_the_worker() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test", inbox=inbox)
    executor.submit(partial(int, "no number"), failed=str)
    executor.close(timeout=DEADLINE)
    assert isinstance(inbox.get_nowait().error, ValueError)
