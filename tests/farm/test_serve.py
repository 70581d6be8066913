# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm of many machines: a real server, RabbitMQ and workers, nothing shared on the disk; the workers' Blender is the
stand-in child."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.serving import PATIENCE, Farm
from tools.servers.rabbitmq import RabbitNode


@pytest.fixture
def farm(tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path, amqp_url)
    yield made
    made.close()


def test_two_workers_that_share_no_disk_render_a_job(farm: Farm) -> None:
    for name in ("one", "two"):
        farm.worker(name)
    farm.send("job-1", "1-40")
    farm.until_finished("job-1")
    assert farm.frames("job-1") == [f"{number:06d}.png" for number in range(1, 41)]
    assert {worker["id"] for worker in farm.ask("GET", "/api/workers")} == {"one", "two"}
    books = farm.data_json("job-1")
    told = [frame for task in books["tasks"] for frame in task["command"]["Blender"]["frame"].items()]
    for number, known in told:
        content = (farm.folder / "farm" / "frames" / "job-1" / f"{int(number):06d}.png").read_bytes()
        ours = {"filesize": len(content), "hash": hashlib.blake2b(content).hexdigest(), "uploaded": True}
        assert known == {**ours, "stored": True}


def test_the_queue_is_kept_shallow_so_that_a_pause_counts_at_once(farm: Farm, rabbit: RabbitNode, vhost: str) -> None:
    farm.send("job-1", "1-200")
    deadline = time.monotonic() + PATIENCE
    while not (depth := _ready(rabbit, vhost)):
        assert time.monotonic() < deadline
    assert depth <= 4
    farm.ask("POST", "/api/jobs/job-1/pause", {})
    farm.send("job-2", "1-3")
    farm.worker("one")
    farm.until_finished("job-2")
    assert farm.status("job-1")["frames"].get("Waiting", 0) >= 190
    farm.ask("POST", "/api/jobs/job-1/resume", {})
    farm.until_finished("job-1")


def test_a_server_that_is_killed_again_and_again_loses_nothing(farm: Farm) -> None:
    for name in ("one", "two"):
        farm.worker(name)
    farm.send("job-1", "1-60", seconds=0.05)
    for _ in range(3):
        done = farm.status("job-1")["frames"].get("Finished", 0)
        deadline = time.monotonic() + PATIENCE
        while farm.status("job-1")["frames"].get("Finished", 0) < done + 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        farm.server.kill()
        farm.start()
    farm.until_finished("job-1")
    assert len(farm.frames("job-1")) == 60


def test_a_bender_worker_of_old_works_for_it(farm: Farm) -> None:
    farm.send("job-1", "1-5", chunk=2)
    old = farm.old_worker(3)
    farm.until_finished("job-1")
    assert old.exit_code() == 0, old.log.read_text()
    assert farm.frames("job-1") == [f"{number:06d}.png" for number in range(1, 6)]
    (worker,) = farm.ask("GET", "/api/workers")
    assert worker["hello"] == {}


def test_sigterm_ends_it_with_0(farm: Farm) -> None:
    assert farm.server.end() == 0


def _ready(rabbit: RabbitNode, vhost: str) -> int:
    rows = rabbit.ctl("list_queues", "-p", vhost, "name", "messages_ready").split()
    return int(rows[rows.index("work") + 1]) if "work" in rows else 0
