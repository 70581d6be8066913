# SPDX-License-Identifier: GPL-3.0-or-later
"""When a job will be done: right on runs whose end is known, unknown where nobody can know."""

import json
import random
from pathlib import Path

import pytest

from bender_worker_addon.farm import books, outlook
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.outlook import _Rendered, ends
from tools.servers.filled_books import add_job

NOW = 1_800_000_000.0


def run(frames: int, machines: int, seconds: float, *, spread: float, seed: int = 0) -> list[_Rendered]:
    """Frames as so many machines render them, each in `seconds` give or take, in the order in which they are done."""
    dice = random.Random(seed)
    free = [NOW + dice.random() for _ in range(machines)]
    done = []
    for frame in range(1, frames + 1):
        machine = min(range(machines), key=free.__getitem__)
        start = free[machine]
        free[machine] = start + seconds * dice.uniform(1 - spread, 1 + spread)
        done.append(_Rendered(str(frame), 1, start, free[machine]))
    return sorted(done, key=lambda task: task.finish)


@pytest.mark.parametrize("machines", [1, 4, 15, 60])
@pytest.mark.parametrize("part", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("frames", [250, 3000])
def test_it_is_right_within_a_fifth_after_a_tenth_of_the_frames(machines: int, part: float, frames: int) -> None:
    rendered = run(frames, machines, 40.0, spread=0.25)
    seen = rendered[: int(frames * part)]
    now = seen[-1].finish
    running = sum(task.start <= now < task.finish for task in rendered)
    told = ends(seen[-300:], {"Finished": len(seen), "Running": running, "Waiting": frames - len(seen) - running}, now)
    assert told is not None
    assert told - now == pytest.approx(rendered[-1].finish - now, rel=0.2, abs=20)


@pytest.mark.parametrize("part", [0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
def test_it_is_right_on_a_run_that_was_recorded(part: float) -> None:
    rows = json.loads((Path(__file__).parents[2] / "data" / "recorded_run.json").read_text())
    rendered = [_Rendered(str(frame), 1, NOW + start, NOW + finish) for frame, start, finish in rows]
    seen = rendered[: int(len(rendered) * part)]
    now = seen[-1].finish
    running = sum(task.start <= now < task.finish for task in rendered)
    left = {"Finished": len(seen), "Running": running, "Waiting": len(rendered) - len(seen) - running}
    told = ends(seen, left, now)
    assert told is not None
    assert told - now == pytest.approx(rendered[-1].finish - now, rel=0.2)


def test_a_night_in_which_nothing_was_rendered_does_not_count() -> None:
    evening = run(60, 4, 40.0, spread=0.1)
    night = 10 * 3600.0
    morning = [_Rendered(task.frames, 1, task.start + night, task.finish + night) for task in evening]
    told = ends([*evening, *morning], {"Running": 4, "Waiting": 96}, morning[-1].finish)
    assert told is not None
    assert told - morning[-1].finish == pytest.approx(98 * 10, rel=0.2)


def test_nobody_knows_when_a_job_ends_that_nobody_renders() -> None:
    rendered = run(10, 1, 5.0, spread=0)
    assert ends([], {"Waiting": 10}, NOW) is None
    assert ends(rendered, {"Waiting": 10}, rendered[-1].finish + 60) is None
    assert ends(rendered, {"Waiting": 10}, rendered[-1].finish + 1) is not None


def test_the_books_tell_of_the_newest_frame_and_of_the_first_failure(tmp_path: Path) -> None:
    statuses = {range(1, 51): "Finished", range(51, 53): "Running", range(60, 63): "Errored"}
    add_job(tmp_path, "job-1", range(1, 101), statuses, error="out of memory", seconds=20)
    database = Database(tmp_path)
    with database.changing() as connection:
        outlook.prepare(connection)
        outlook.prepare(connection)
        (job,) = books.jobs(connection)
        found = outlook.outlook(connection, job)
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT 1 FROM task WHERE job = 'x' AND status = 'Finished' ORDER BY {outlook._FINISH}"
        ).fetchall()
    database.close()
    assert (found.latest[:2], found.why) == ((50, 49), "out of memory")
    assert found.ends is not None and found.newest_at is not None
    assert found.ends - found.newest_at == pytest.approx(46 * 5, rel=0.2)
    assert "task_finished" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


@pytest.mark.parametrize("time", [None, {}, {"start": "x", "finish": "y"}, {"start": 5, "finish": []}])
def test_times_that_are_none_are_passed_over(tmp_path: Path, time: object) -> None:
    assert outlook._rendered("1", 1, time, time) is None
