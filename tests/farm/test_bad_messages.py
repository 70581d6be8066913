# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that no worker could carry out: each is rejected with its reason, and the next task is rendered."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.farm.conftest import FarmMaker
from tools.servers.farm import Report, make_task

CANARY = Path("executed")
JOB = "a-job"


def _changed(**changes: Any) -> bytes:
    return json.dumps(make_task(JOB, [1]) | changes).encode()


def _frames(*keys: str) -> bytes:
    task = make_task(JOB, [])
    task["command"]["Blender"]["frame"] = {key: {"filesize": None, "hash": None, "uploaded": False} for key in keys}
    return json.dumps(task).encode()


BAD = {
    "not JSON": (b'{"id": "0b5b', "is not JSON"),
    "not even text": (b"\xff\xfe\x00\x01", "is not JSON"),
    "empty": (b"", "is not JSON"),
    "a number that JSON lacks": (b'{"id": NaN}', "is not JSON"),
    "nested without end": (b"[" * 100_000, "nested more than 100 levels deep"),
    "JSON that is no object": (b"[1, 2, 3]", "a task is a JSON object"),
    "an object that is no task": (b'{"hello": "farm"}', "'command' should be an object"),
    "unknown status": (_changed(status="Dreaming"), "unknown status"),
    "a shell command": (_changed(command={"Basic": {"command": f"touch {CANARY}"}}), "Basic command"),
    "an unknown command": (_changed(command={"Houdini": {}}), "unknown kind of command"),
    "an id that climbs": (_changed(id="../../../escaped"), "'id' should be"),
    "a job id that climbs": (_changed(parent_id="../../../escaped"), "'parent_id' should be"),
    "no frames": (_frames(), "at least one frame number"),
    "frame -1": (_frames("-1"), "a frame number is 0 to 999999"),
    "frame 10 million": (_frames("1", "10000000"), "a frame number is 0 to 999999"),
    "a frame that is no number": (_frames("one"), "a frame number is 0 to 999999"),
    "an unknown format": (json.dumps(make_task(JOB, [1], image_format="GIF")).encode(), "unknown image format"),
    "a film": (json.dumps(make_task(JOB, [1], image_format="FFMPEG")).encode(), "unknown image format"),
}


@dataclass(frozen=True, slots=True)
class Run:
    rejects: list[Report]
    dead: list[bytes]
    log: str
    folder: Path


@pytest.fixture(scope="module")
def run(make_farm: FarmMaker, blend: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One worker that was given them all, one after the other, and then a good task."""
    folder = tmp_path_factory.mktemp("bad-messages")
    with make_farm(folder) as farm:
        farm.declare_work()
        good = make_task(farm.job(blend), [1])
        farm.publish(*(body for body, _ in BAD.values()), good)
        worker = farm.worker("--max-tasks", str(len(BAD) + 1))
        farm.wait_for("finish", good)
        assert worker.wait() == 0
        assert farm.ready() == 0
        assert farm.frames(good["parent_id"]) == ["000001.png"]
        rejects = [report for report in farm.bookkeeper.reports if report.step == "reject"]
        yield Run(rejects, farm.take("dead"), worker.log, folder)


@pytest.mark.parametrize("name", BAD)
def test_it_is_rejected_with_its_reason_in_a_report_and_in_the_log(run: Run, name: str) -> None:
    number = list(BAD).index(name)
    body, reason = BAD[name]
    report = run.rejects[number].task
    assert run.dead[number] == body
    assert report["status"] == "Errored"
    assert reason in report["data"]["error"]
    assert f"rejected: {report['data']['error']}" in run.log


def test_each_is_reported_once(run: Run) -> None:
    assert len(run.rejects) == len(run.dead) == len(BAD)


def test_a_report_holds_what_the_message_held(run: Run) -> None:
    names = list(BAD)
    assert run.rejects[names.index("unknown status")].task["parent_id"] == JOB
    assert run.rejects[names.index("not JSON")].task["data"]["body"] == '{"id": "0b5b'


def test_nothing_of_a_message_is_executed_or_used_as_a_path(run: Run) -> None:
    assert not list(run.folder.parent.rglob("*escaped*"))
    assert not list(run.folder.rglob(str(CANARY)))
    assert not CANARY.exists()


def test_no_line_of_the_log_is_a_traceback(run: Run) -> None:
    assert "Traceback" not in run.log
