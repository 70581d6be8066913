# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server that doesn't answer: the worker goes on with what needs no name, and stops when it is told to."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bender_worker_addon.worker.life.activity import Stop
from tests.unit.conftest import StartFarm
from tests.unit.support import message


@pytest.fixture
def hanging_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set once somebody asks for a name; the answer comes only when the test is over."""
    asked, over, real = threading.Event(), threading.Event(), socket.getaddrinfo

    def hang(host: Any, *arguments: Any, **keywords: Any) -> Any:
        if host != "farm.invalid":
            return real(host, *arguments, **keywords)
        asked.set()
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()


def test_what_needs_no_name_goes_on_and_a_stop_is_not_held_up(
    start_farm: StartFarm, hanging_names: threading.Event
) -> None:
    farm = start_farm()
    farm.add("here")
    farm.broker.deliver(message("first", job="here"))
    farm.until_settled()
    farm.worker.close()
    farm = start_farm(bender_url="http://farm.invalid", workload=8)
    for job in ("one", "two", "three", "here"):
        farm.broker.deliver(message(job, job=job, frames=[2]))
    farm.until_settled()
    assert hanging_names.is_set()
    assert farm.broker.settled == [("ack", 4)]
    farm.until(lambda: farm.worker.snapshot().free_disk is not None)
    farm.worker.stop(Stop.AFTER_FRAME)
    farm.until_over()
    assert sorted(how for how, _ in farm.broker.settled) == ["ack", "requeued", "requeued", "requeued"]
