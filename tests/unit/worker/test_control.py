# SPDX-License-Identifier: GPL-3.0-or-later
"""Control: a running worker answers and obeys whoever may read its folder, and nobody else."""

import json
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import NotRunning, WorkerError
from bender_worker_addon.worker import control
from tests.unit.gates import opened
from tests.unit.support import DEADLINE, Farm, message


def meanwhile(farm: Farm, work: Callable[[], Any]) -> Any:
    """What `work` gives, done on another thread while the worker works."""
    came: list[Any] = []
    thread = threading.Thread(target=lambda: came.append(work()))
    thread.start()
    farm.until(lambda: not thread.is_alive())
    return came[0]


def test_a_worker_says_what_it_does(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={2: gate})
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until(lambda: farm.worker.snapshot().frames == 1)
    told = meanwhile(farm, lambda: control.ask(farm.folder, control.STATUS))
    assert (told["id"], told["state"], told["frames"]) == ("w1", "Rendering", 1)
    assert (told["task"]["job_id"], told["task"]["total"]) == ("job-1", 2)
    assert told["last_frame"] == str(farm.frame(1))
    opened(gate)
    farm.until_settled()


def test_who_asks_it_to_stop_learns_when_it_has(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    asked = threading.Thread(target=control.stop, args=(farm.folder,), kwargs={"now": False})
    asked.start()
    farm.until(lambda: farm.worker.stopping)
    opened(gate)
    farm.until_over()
    assert farm.broker.settled == [("ack", 1)]
    assert asked.is_alive()
    farm.worker.close()
    asked.join(DEADLINE)
    assert not asked.is_alive()


def test_now_means_now_also_after_a_gentle_word(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    threads = [threading.Thread(target=control.stop, args=(farm.folder,), kwargs={"now": now}) for now in (False, True)]
    for thread in threads:
        thread.start()
        farm.until(lambda: farm.worker.stopping)
    farm.until_over()
    assert farm.broker.settled == [("requeued", 1)]
    farm.worker.close()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_without_a_worker_there_is_nobody_to_ask(farm: Farm, tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no worker runs on"):
        control.ask(tmp_path / "else", control.STATUS)
    left = (farm.folder / control.NAME).read_bytes()
    farm.worker.close()
    assert not (farm.folder / control.NAME).exists()
    (farm.folder / control.NAME).write_bytes(left)
    with pytest.raises(NotRunning, match="was killed"):
        control.ask(farm.folder, control.STATUS)


@pytest.mark.parametrize("left", [b"", b"{}", b"[]", b'{"port": "x"}', b"\xff"])
def test_a_broken_file_means_nobody(tmp_path: Path, left: bytes) -> None:
    (tmp_path / control.NAME).write_bytes(left)
    with pytest.raises(NotRunning):
        control.ask(tmp_path, control.STATUS)


def test_one_that_is_held_up_is_told_from_one_that_is_gone(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_PATIENCE", 0.1)
    with pytest.raises(WorkerError, match="doesn't answer") as caught:
        control.ask(farm.folder, control.STATUS)
    assert not isinstance(caught.value, NotRunning)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"word": "stop now"}\n',
        b'{"token": "guess", "word": "stop now"}\n',
        b'{"token": null, "word": "stop now"}\n',
        b"[" * 5000 + b"\n",
        b"x" * 200_000,
    ],
    ids=["nothing", "http", "no token", "wrong token", "null", "deep", "long"],
)
def test_who_does_not_know_the_token_is_not_heard(farm: Farm, said: bytes) -> None:
    port = json.loads((farm.folder / control.NAME).read_text())["port"]
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as stranger:
        try:
            stranger.sendall(said)
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(1) == b""
        except OSError:
            pass  # hung up on before all was said
    told = meanwhile(farm, lambda: control.ask(farm.folder, control.STATUS))
    assert told["id"] == "w1"
    assert farm.worker.stopping is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_its_owner_can_read_the_token(farm: Farm) -> None:
    assert stat.S_IMODE((farm.folder / control.NAME).stat().st_mode) == 0o600
