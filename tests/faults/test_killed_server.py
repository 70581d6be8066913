# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm's server that is killed at any step of its work, and a RabbitMQ that has lost all it held: the server's next
run ends the job, every frame is there, and books, disk, queue and data.json agree."""

import hashlib
import http.client
import os
import sqlite3
import urllib.error
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pika
import pytest

from tests.farm.programs.dying_server import STEPS
from tests.farm.serving import Farm
from tests.unit.gates import opened

FRAMES = range(1, 7)
MOMENTS = [f"after {step}" for step in STEPS]
MOMENTS += [f"before {step}" for step, (_, _, counts) in STEPS.items() if counts != "gives"]
DYING = Path(__file__).parents[1] / "farm" / "programs" / "dying_server.py"


@pytest.fixture
def farm(request: pytest.FixtureRequest, tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path, amqp_url, program=DYING, **getattr(request, "param", {}))
    yield made
    made.close()


def agree(farm: Farm, job: str, amqp_url: str) -> None:
    """Raises AssertionError unless all who know something of a finished job say the same."""
    told = farm.data_json(job)
    assert {task["status"] for task in told["tasks"]} == {"Finished"}
    known = {int(number): frame for task in told["tasks"] for number, frame in _frames(task).items()}
    assert sorted(known) == list(FRAMES)
    for number, frame in known.items():
        content = (farm.folder / "farm" / "frames" / job / f"{number:06d}.png").read_bytes()
        ours = {"filesize": len(content), "hash": hashlib.blake2b(content).hexdigest(), "uploaded": True}
        assert frame == {**ours, "stored": True}
    assert len(farm.frames(job)) == len(known)
    assert farm.status(job)["frames"] == {"Finished": len(known)}
    with closing(sqlite3.connect(farm.folder / "farm" / "farm.sqlite")) as books:
        for table in ("message", "fed"):
            assert books.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        assert books.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for folder in (farm.folder / "farm" / "jobs" / job, farm.folder / "farm" / "frames" / ".incoming"):
        assert {path.name for path in folder.glob("*")} <= {"data.json", "scene.blend", "previews"}


def _frames(task: dict[str, Any]) -> dict[str, Any]:
    frames: dict[str, Any] = task["command"]["Blender"]["frame"]
    return frames


def sent_by_somebody_patient(farm: Farm) -> None:
    """Whose farm may be killed meanwhile."""
    with suppress(http.client.HTTPException, OSError):
        farm.send("job-1", f"{FRAMES[0]}-{FRAMES[-1]}")


@pytest.mark.parametrize("farm", [{"DIE": moment} for moment in MOMENTS], indirect=True, ids=MOMENTS)
def test_the_next_run_ends_the_job(farm: Farm, amqp_url: str) -> None:
    farm.worker("one")
    sent_by_somebody_patient(farm)
    assert farm.server.exit_code() == 128 + 9, farm.server.log.read_text()
    del farm.env["DIE"]
    farm.start()
    try:
        farm.send("job-1", f"{FRAMES[0]}-{FRAMES[-1]}")
    except urllib.error.HTTPError as known:
        assert known.code == 409  # it has it already
    farm.until_finished("job-1")
    agree(farm, "job-1", amqp_url)


def test_a_rabbitmq_that_has_lost_everything_is_given_it_again(farm: Farm, amqp_url: str) -> None:
    """Also what a worker had taken and not begun, and what it had in hand when it died with it."""
    gate = farm.folder / "gate"
    os.mkfifo(gate)
    one = farm.worker("one")
    farm.send("job-1", "1-6", wait={1: gate})
    farm.until(lambda: farm.status("job-1")["frames"].get("Running") == 1, "a frame in hand")
    one.kill()
    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        channel = connection.channel()
        for queue in ("work", "worker"):
            channel.queue_delete(queue)
    farm.worker("two")
    opened(gate)
    farm.until_finished("job-1")
    agree(farm, "job-1", amqp_url)
