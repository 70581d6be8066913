# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends that can't be had, and blends of which no picture can be made: told, settled, and the next task rendered."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.retry import BLAMED_AFTER
from tests.farm.conftest import FarmMaker, SceneMaker
from tests.farm.farmyard import Farm
from tools.servers.blend_server import (
    Behaviour,
    cut_short,
    failing,
    html_page,
    not_found,
    redirect,
    silent,
    well,
    wrong_length,
)
from tools.servers.farm import make_task

FETCHED = ["receive", "construct"]
LOADED = [*FETCHED, "blend", "start"]
REFUSED = ["error", "reject"]
PASSED_ON = ["error", "requeue"]
FINISHED = ["stat", "finish"]


@dataclass(frozen=True, slots=True)
class Case:
    """How a blend is served, which steps are reported of its task and with which reason. `unless`: why it might be
    rendered after all."""

    steps: list[str]
    reason: str = ""
    served: Behaviour = well
    blend: str | bytes = "trivial"
    unless: str = ""


NEVER = [*FETCHED, *REFUSED]
NOT_HERE = [*FETCHED, *PASSED_ON, *FETCHED, *REFUSED]
NOT_RENDERED = [*LOADED, "start", *PASSED_ON, *LOADED, "start", *REFUSED]

CASES = {
    "404": Case(NEVER, "no blend for this job (404)", not_found),
    "500 for ever": Case(NOT_HERE, "could not serve the blend (500)", failing()),
    "500 two times": Case([*LOADED, *FINISHED], served=failing(2)),
    "an HTML page": Case(NOT_HERE, "a web page in the place of the blend", html_page),
    "cut short": Case(NOT_HERE, "cut short", cut_short),
    "of the wrong length": Case(NOT_HERE, "cut short or damaged", wrong_length),
    "no blend": Case(NEVER, "is not a blend", blend=b"The quick brown fox jumps over the lazy dog. " * 99),
    "empty": Case(NEVER, "is not a blend", blend=b""),
    "late": Case([*LOADED, *FINISHED], served=silent(1)),
    "elsewhere": Case([*LOADED, *FINISHED], served=redirect),
    "a header and nothing": Case(NOT_RENDERED, "can't open the blend", blend=b"BLENDER-v403" + bytes(500) + b"ENDB"),
    "no camera": Case([*LOADED, *REFUSED], "camera", blend="no_camera"),
    "an engine this Blender lacks": Case(NOT_RENDERED, "engine", blend="other_engine"),
    "no denoiser in this Blender": Case(NOT_RENDERED, "denoise", blend="denoised", unless="it can denoise"),
    "two eyes": Case([*LOADED, *REFUSED], "a picture for each of its views", blend="stereo"),
}


@dataclass(frozen=True, slots=True)
class Run:
    farm: Farm
    tasks: dict[str, dict[str, Any]]
    dead: list[bytes]
    log: str


@pytest.fixture(scope="module")
def run(make_farm: FarmMaker, scene: SceneMaker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One worker that was given a task of each, and a good one at the end."""
    with make_farm(tmp_path_factory.mktemp("bad-blends")) as farm:
        farm.declare_work()
        tasks = {}
        for name, case in [*CASES.items(), ("good", Case([]))]:
            blend = case.blend if isinstance(case.blend, bytes) else scene(case.blend, width=64, height=36, samples=1)
            tasks[name] = make_task(farm.job(blend, behaviour=case.served), [1])
        farm.publish(*tasks.values())
        worker = farm.worker("--idle-exit", "3", "--workload", "8")
        code = worker.wait(180)
        farm.wait_for("finish", tasks["good"])
        assert code == 0
        assert farm.ready() == 0
        yield Run(farm, tasks, farm.take("dead"), worker.log)


@pytest.mark.parametrize("name", CASES)
def test_its_task_is_settled_as_its_trouble_deserves(run: Run, name: str) -> None:
    case, task = CASES[name], run.tasks[name]
    _skip_if_rendered_after_all(run, name)
    assert run.farm.steps(task) == case.steps
    assert len([body for body in run.dead if task["id"].encode() in body]) == case.steps.count("reject")
    assert run.farm.frames(task["parent_id"]) == (["000001.png"] if "finish" in case.steps else [])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.reason])
def test_the_reason_is_reported_and_logged(run: Run, name: str) -> None:
    case, task = CASES[name], run.tasks[name]
    _skip_if_rendered_after_all(run, name)
    errors = [report.task for report in run.farm.reports(task) if report.step == "error"]
    assert errors
    for error in errors:
        assert case.reason in error["data"]["error"]
        assert error["status"] == "Errored"
        assert error["time"]["error"]
    assert f"task {task['id']}: failed: {errors[0]['data']['error']}" in run.log


def test_a_broken_blend_is_never_kept(run: Run) -> None:
    kept = {path.name for path in (run.farm.folder / "data" / "blends").iterdir()} - {".bender-worker.lock"}
    loaded = {f"{run.tasks[name]['parent_id']}.blend" for name, case in CASES.items() if "blend" in case.steps}
    assert kept == loaded | {f"{run.tasks['good']['parent_id']}.blend"}


def test_errors_are_asked_for_again_and_answers_are_not(run: Run) -> None:
    paths = [request.path for request in run.farm.server.log if "range" not in request.headers]
    asked = {name: paths.count(f"/job/worker/blend/{task['parent_id']}") for name, task in run.tasks.items()}
    assert asked["404"] == asked["no blend"] == asked["good"] == 1
    assert asked["500 two times"] == 3
    assert asked["500 for ever"] == asked["an HTML page"] == asked["cut short"] == 2 * BLAMED_AFTER


def test_no_line_of_the_log_is_a_traceback(run: Run) -> None:
    assert "Traceback" not in run.log


def test_where_blender_itself_ends_with_0_without_a_picture_the_task_has_failed(
    run: Run, scene: SceneMaker, tmp_path: Path
) -> None:
    """The same scene with two eyes, rendered as a farm without this worker would."""
    blend = scene("stereo", width=64, height=36, samples=1)
    options = ["-o", str(tmp_path / "######"), "-F", "PNG", "-f", "1"]
    command = [str(run.farm.blender), "-b", "--factory-startup", str(blend), *options]
    assert subprocess.run(command, stdout=subprocess.DEVNULL, timeout=60, check=False).returncode == 0
    assert not (tmp_path / "000001.png").exists()
    assert "error" in run.farm.steps(run.tasks["two eyes"])


def _skip_if_rendered_after_all(run: Run, name: str) -> None:
    if CASES[name].unless and "finish" in run.farm.steps(run.tasks[name]):
        pytest.skip(f"{run.farm.blender}: {CASES[name].unless}")
