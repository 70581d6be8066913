# SPDX-License-Identifier: GPL-3.0-or-later
"""What those who run a worker ask it and tell it, from another terminal."""

import json
import signal
from pathlib import Path

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm


def test_a_running_worker_is_asked_watched_and_stopped_from_outside(farm: Farm, scene: SceneMaker) -> None:
    first = farm.task(farm.job(scene("trivial")), 1)
    worker = farm.worker()
    worker.wait_for_line("connected to RabbitMQ")
    follower = farm.follow("logs", "--follow", "-n", "2")
    farm.wait_for("finish", first)
    follower.wait_for_line(f"task {first['id']}: acked")

    told = farm.command("status", "--json")
    assert told.returncode == 0
    answer = json.loads(told.stdout)
    assert (answer["state"], answer["frames"], answer["failures"]) == ("Waiting", 1, 0)
    assert answer["last_frame"] == str(farm.frame(first["parent_id"], "000001.png"))

    second = farm.task(farm.job(scene("slow", seconds=60)), 7)
    with farm.mid_frame(worker, second):
        words = farm.command("status").stdout
    assert "Rendering" in words
    assert f"job {second['parent_id']}: frame 7, 1 of 1" in words
    assert f"process {answer['pid']}" in words

    stopped = farm.command("stop", "--now")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert worker.wait() == 0
    assert farm.ready() == 1
    follower.wait_for_line("stopped$")
    follower.signal(signal.SIGINT)
    assert follower.wait() == 130

    gone = farm.command("status")
    assert gone.returncode == 3
    assert f"no worker runs on {farm.folder / 'data'}" in gone.stderr
    assert farm.command("stop").returncode == 3
    log = farm.command("logs", "-n", "3").stdout.splitlines()
    assert len(log) == 3
    assert log[-1].endswith("stopped")
    assert "Saved" in farm.command("logs", "--task", first["id"]).stdout
    missing = farm.command("logs", "--task", "../../etc/passwd")
    assert missing.returncode == 1
    assert "there is no log" in missing.stderr


def test_a_log_that_was_rotated_is_followed_without_a_gap(farm: Farm, tmp_path: Path) -> None:
    log = tmp_path / "data" / "worker.log"
    log.parent.mkdir()
    log.write_text("one\ntwo\n")
    follower = farm.follow("logs", "-f", "-n", "1")
    follower.wait_for_line("^two")
    with log.open("a") as file:
        file.write("three\n")
    log.rename(log.with_name("worker.log.1"))
    log.write_text("four\n")
    follower.wait_for_line("^four")
    follower.signal(signal.SIGINT)
    assert follower.wait() == 130
    assert [line for line in follower.log.splitlines() if line in ("one", "two", "three", "four")] == [
        "two",
        "three",
        "four",
    ]
