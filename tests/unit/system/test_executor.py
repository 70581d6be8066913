# SPDX-License-Identifier: GPL-3.0-or-later
"""Executor: work beside the worker's thread, in the order it came."""

from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.system.executor import Executor
from tests.unit.support import DEADLINE


def test_what_work_gives_comes_in_the_order_of_the_work() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test", inbox=inbox)
    for number in range(100):
        executor.submit(partial(int, number))
    executor.close(timeout=DEADLINE)
    assert [inbox.get_nowait() for _ in range(100)] == list(range(100))


def test_work_that_gives_nothing_makes_no_event() -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    executor = Executor("test", inbox=inbox, threads=3)
    executor.submit(lambda: None)
    executor.close(timeout=DEADLINE)
    with pytest.raises(Empty):
        inbox.get_nowait()


def test_stuck_work_keeps_nobody_waiting() -> None:
    let_go: SimpleQueue[None] = SimpleQueue()
    executor = Executor("test", inbox=SimpleQueue())
    executor.submit(let_go.get)
    executor.close(timeout=0)
    let_go.put(None)
