# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames of a job have which status: kept as the tasks change, and always what all of them say when counted."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from bender_worker_addon.farm import books, changes, frame_list, tasks
from bender_worker_addon.farm.database import FILE, Database
from bender_worker_addon.farm.new_job import NewTask
from bender_worker_addon.farm.schema import VERSION
from tests.unit.farm.test_schema import old_books

STATUSES = ("Waiting", "Queued", "Running", "Finished", "Errored", "Aborted")
FRAMES = st.sets(st.integers(0, 60), min_size=1, max_size=25).map(sorted)
ONE = st.tuples(st.just("one"), st.integers(0, 24), st.sampled_from(STATUSES))
MANY = st.tuples(st.just("many"), st.sampled_from(STATUSES), st.sampled_from(STATUSES))
OTHER = st.tuples(st.sampled_from(["cancel", "retry", "again", "some", "report"]), st.integers(0, 60), st.just(""))


@contextmanager
def farm() -> Iterator[sqlite3.Connection]:
    with (
        TemporaryDirectory() as folder,
        closing(Database(Path(folder))) as database,
        database.changing() as connection,
    ):
        yield connection


def add(connection: sqlite3.Connection, job: str, frames: list[int], chunk: int) -> None:
    new = []
    for number, part in enumerate(frame_list.chunks(frames, chunk)):
        blender = {"frame": {str(frame): {} for frame in part}, "image_format": "PNG"}
        body = {"id": f"t{number}", "parent_id": job, "status": "Waiting", "time": {}, "data": {}}
        text = json.dumps({**body, "command": {"Blender": blender}})
        new.append(NewTask(f"t{number}", frame_list.as_text(part), len(part), text))
    head = {"id": job, "time": {"creation": "2026-01-01T00:00:00Z"}, "data": {}, "paths": {"blend": "x.blend"}}
    changes.add_job(connection, head, name=job, priority=0, tasks=new)


def counted(connection: sqlite3.Connection, job: str) -> dict[str, str]:
    """By a look at every task."""
    found: dict[str, set[int]] = {}
    for status, frames in connection.execute("SELECT status, frames FROM task WHERE job = ?", (job,)):
        found.setdefault(status, set()).update(frame_list.numbers_in(frames))
    return {status: frame_list.as_text(sorted(frames)) for status, frames in found.items()}


def is_kept(connection: sqlite3.Connection, *jobs: str) -> None:
    for job in jobs:
        assert books.frames_by_status(connection, job) == counted(connection, job)
        stretches = connection.execute("SELECT first, last, status FROM stretch WHERE job = ? ORDER BY first", (job,))
        found = stretches.fetchall()
        for one, other in pairwise(found):
            assert one[1] + 1 == other[0], "there are no gaps"
            assert one[2] != other[2], "none could be longer"


def change(connection: sqlite3.Connection, job: str, kind: str, which: object, what: str) -> None:
    match kind:
        case "one":
            connection.execute("UPDATE task SET status = ? WHERE job = ? AND id = ?", (what, job, f"t{which}"))
        case "many":
            connection.execute("UPDATE task SET status = ? WHERE job = ? AND status = ?", (what, job, which))
        case "cancel":
            changes.cancel(connection, job)
        case "retry":
            changes.retry(connection, job)
        case "some":
            changes.retry(connection, job, [int(str(which))])
        case "report":
            told = json.loads(books.task(connection, job, f"t{which}") or b"{}")
            tasks.merge(connection, json.dumps({**told, "status": "Finished"}).encode(), worker="w")
        case "again":
            changes.delete(connection, job)
            add(connection, job, [3, 4, 9], 2)


@settings(max_examples=60, deadline=None)
@given(FRAMES, FRAMES, st.integers(1, 5), st.lists(st.tuples(st.sampled_from("ab"), ONE | MANY | OTHER), max_size=30))
def test_they_are_what_all_tasks_say(
    first: list[int], second: list[int], chunk: int, steps: list[tuple[str, tuple[str, object, str]]]
) -> None:
    with farm() as connection:
        add(connection, "a", first, chunk)
        add(connection, "b", second, 1)
        is_kept(connection, "a", "b")
        for job, (kind, which, what) in steps:
            change(connection, job, kind, which, what)
            is_kept(connection, "a", "b")


def test_of_a_deleted_job_nothing_is_left(tmp_path: Path) -> None:
    with farm() as connection:
        add(connection, "a", [1, 2, 3], 1)
        changes.delete(connection, "a")
        assert connection.execute("SELECT count(*) FROM stretch").fetchone() == (0,)


def test_of_yesterday_s_books_they_are_counted_once(tmp_path: Path) -> None:
    folder = old_books(tmp_path / "farm")
    with closing(sqlite3.connect(folder / FILE)) as connection:
        before = {job: counted(connection, job) for job in ("job-a", "job-b")}
    with closing(Database(folder)) as database, database.changing() as connection:
        assert {job: books.frames_by_status(connection, job) for job in before} == before
        connection.execute("UPDATE task SET status = 'Errored' WHERE job = 'job-a' AND status = 'Waiting'")
        is_kept(connection, "job-a", "job-b")
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_a_job_of_many_frames_is_told_at_once() -> None:
    """By what SQLite does for it, which doesn't depend on who else uses this machine."""
    with farm() as connection:
        add(connection, "a", list(range(1, 20_001)), 1)
        connection.execute("UPDATE task SET status = 'Finished' WHERE number < 12000 AND number % 1000 <> 7")
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        connection.set_progress_handler(count, 100)
        found = books.frames_by_status(connection, "a")
        connection.set_progress_handler(None, 0)
        assert found == counted(connection, "a")
        assert steps * 100 < 10_000  # of all tasks it would be hundreds of thousands
