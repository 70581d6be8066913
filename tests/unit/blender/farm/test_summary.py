# SPDX-License-Identifier: GPL-3.0-or-later
"""The line of the status bar, and what is told of jobs that have ended: each once."""

from dataclasses import replace

import pytest

from bender_worker_addon.blender.farm.news import News
from bender_worker_addon.blender.farm.summary import line
from bender_worker_addon.core.snapshot import STOPPED, Snapshot, State, TaskInHand
from bender_worker_addon.farm.books import Job

TASK = TaskInHand("job-1", 3, 1, 1, 0.5, 4, 4)
RENDERING = Snapshot(State.RENDERING, task=TASK, an_hour=360)
JOB = Job("job-1", "shot_010", "2026-01-01T00:00:00Z", "Running", 0, {"Finished": 4, "Queued": 6})
DONE = replace(JOB, status="Finished", frames={"Finished": 10})


@pytest.mark.parametrize(
    ("shown", "jobs", "said"),
    [
        (RENDERING, [JOB], "45% · 0:55 left"),
        (RENDERING, [replace(JOB, frames={"Finished": 4, "Queued": 96})], "4% · 16:00 left"),
        (RENDERING, [], "50% · 0:04 left"),
        (replace(RENDERING, task=replace(TASK, left=None)), [], "50%"),
        (replace(RENDERING, an_hour=None), [JOB], "45%"),
        (replace(RENDERING, task=replace(TASK, part=0.0, left=None, doing="Loading textures")), [], "Loading textures"),
        (Snapshot(State.PAUSED, task=TASK), [JOB], "Paused"),
        (Snapshot(State.WAITING), [], "Waiting"),
        (Snapshot(State.PROBLEM, "the disk is full"), [], "Stopped"),
    ],
)
def test_a_worker_s_line_tells_how_far_its_job_is(shown: Snapshot, jobs: list[Job], said: str) -> None:
    assert line(shown, jobs, works=True) == said


def test_without_a_worker_it_tells_what_waits() -> None:
    assert line(STOPPED, [], works=False) == ""
    assert line(STOPPED, [JOB, DONE, replace(JOB, paused=True)], works=False) == "1 job waits"
    assert line(STOPPED, [JOB, JOB], works=False) == "2 jobs wait"


def test_without_a_worker_it_tells_of_one_in_another_blender_that_has_something_to_do() -> None:
    assert line(STOPPED, [JOB], works=False, elsewhere="Rendering") == "Rendering in your other Blender"
    assert line(STOPPED, [DONE], works=False, elsewhere="Waiting") == ""


def test_what_ends_is_told_once_and_what_had_ended_before_is_not() -> None:
    news = News()
    assert news.since([DONE, replace(JOB, id="job-2")]) == []
    failed = replace(JOB, id="job-2", status="Errored", frames={"Finished": 9, "Errored": 1})
    assert news.since([DONE, failed]) == ["shot_010 failed: 1 of 10 frames"]
    assert news.since([DONE, failed, replace(DONE, id="job-3", frames={"Finished": 1})]) == [
        "shot_010 is done: 1 frame"
    ]
    assert news.since([replace(JOB, id="job-2")]) == []  # which was queued again
    stopped = replace(JOB, id="job-2", paused=True, stopped="3 frames failed in the same way")
    assert news.since([stopped]) == ["shot_010 has stopped: 3 frames failed in the same way"]
    assert news.since([stopped]) == []
