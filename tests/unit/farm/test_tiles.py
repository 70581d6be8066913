# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that are rendered in tiles, in the books: when they are finished, what becomes of them if a tile is not."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core import tile
from bender_worker_addon.core.task import Task
from bender_worker_addon.core.tile import Region, cut
from bender_worker_addon.farm import (
    bookkeeping,
    books,
    changes,
    frame_files,
    job_files,
    new_job,
    stored,
    tasks,
    tile_files,
    tiles,
)
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewJob, SceneFacts

SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=64, height=36, scale=100, fps=24, step=1)
JOB = "still"


class Still:
    """A job of two frames, each of three tiles."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self.connection = connection
        self.jobs = folder / "jobs"
        made = NewJob(
            name=JOB,
            blend="scene.blend",
            frames=[7, 8],
            image_format="PNG",
            scene=SCENE,
            id=JOB,
            regions=cut(Region(0, 0, 64, 36), 3),
        )
        head = new_job.head(made, jobs=self.jobs, outpath=folder / "frames")
        self.tasks = new_job.tasks(made)
        changes.add_job(connection, head, name=JOB, priority=0, tasks=self.tasks)
        (self.jobs / JOB / "tiles").mkdir(parents=True)

    def wants_one_kind(self) -> None:
        self.connection.execute("UPDATE job SET head = json_set(head, '$.data.one_kind', 'yes')")

    def queued(self) -> list[str]:
        """What is in the queue, in its order: `7`, the first frame, or `8.2`, the second tile of the other."""
        rows = self.connection.execute("SELECT task FROM message WHERE owner IS NULL ORDER BY number").fetchall()
        return [self.name(task) for (task,) in rows]

    def name(self, id: str) -> str:
        (task,) = (task for task in self.tasks if task.id == id)
        alike = [other.id for other in self.tasks if other.frame_task == task.frame_task and task.frame_task]
        return task.frames + (f".{alike.index(id) + 1}" if alike else "")

    def task(self, name: str) -> str:
        return next(task.id for task in self.tasks if self.name(task.id) == name)

    def report(self, name: str, step: str, status: str, error: str = "") -> None:
        known = json.loads(books.task(self.connection, JOB, self.task(name)) or b"")
        known["status"] = status
        if error:
            known["data"]["error"] = error
        bookkeeping.enter(self.connection, f"{step}.worker", json.dumps(known).encode())

    def store(self, name: str, *, size: int, digest: str) -> None:
        """Its file has come to the farm."""
        number = int(name.split(".")[0])
        assert stored.note(self.connection, JOB, self.task(name), number, size=size, digest=digest)

    def render(self, *names: str, size: int = 8, digest: str = "0" * 128, **data: str) -> None:
        """`data` is what the worker tells with it."""
        for name in names:
            known: dict[str, Any] = json.loads(books.task(self.connection, JOB, self.task(name)) or b"")
            if "." in name:
                file = self.jobs / JOB / "tiles" / known["id"] / f"{int(name.split('.')[0]):06}.exr"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(b"12345678")
            for frame in known["command"]["Blender"]["frame"].values():
                frame.update(filesize=size, hash=digest)
            known["status"] = "Finished"
            known["data"] |= data
            bookkeeping.enter(self.connection, "finish.worker", json.dumps(known).encode())

    def tidy(self) -> None:
        tile_files.delete_useless(self.connection, self.jobs, JOB)
        tile_files.render_lost_anew(self.connection, self.jobs, JOB)

    def files(self) -> list[str]:
        found = (self.jobs / JOB / "tiles").rglob("*.exr")
        return sorted(self.name(path.parent.name) for path in found)

    def status(self, name: str = "") -> str:
        if not name:
            return str(books.status(self.connection, JOB))
        query = "SELECT status FROM task WHERE id = ?"
        return str(self.connection.execute(query, (self.task(name),)).fetchone()[0])


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Still]:
    with closing(Database(tmp_path / "farm")) as database, database.changing() as connection:
        yield Still(connection, tmp_path)


def test_a_picture_is_finished_when_its_tiles_are_all_there(still: Still) -> None:
    assert still.queued() == ["7.1", "7.2", "7.3", "8.1", "8.2", "8.3"]
    still.render("7.2", "7.1", "8.1")
    assert still.queued() == ["7.3", "8.2", "8.3"]
    assert [(one.frame, one.done, one.of) for one in tiles.progress(still.connection, JOB)] == [(7, 2, 3), (8, 1, 3)]
    still.render("7.3")
    assert still.queued() == ["8.2", "8.3", "7"]
    told = Task.from_json(books.task(still.connection, JOB, still.task("7")) or b"").tiles
    assert [still.name(one.task) for one in told] == ["7.1", "7.2", "7.3"]
    assert [str(one.region) for one in told] == [str(region) for region in cut(Region(0, 0, 64, 36), 3)]
    assert all(one.file(still.jobs, JOB, 7).stat().st_size == one.size for one in told)
    assert still.status() == "Running"
    still.render("7")
    still.tidy()
    assert still.files() == ["8.1"]
    still.render("8.2", "8.3", "8")
    assert still.status() == "Finished"
    still.tidy()
    assert still.files() == []


def test_frames_are_counted_and_listed_and_not_tiles(still: Still) -> None:
    still.render("7.1", "7.2", "7.3", "7", "8.1")
    (job,) = books.jobs(still.connection)
    assert (dict(job.frames), job.total) == ({"Finished": 1, "Waiting": 1}, 2)
    assert books.frames_by_status(still.connection, JOB) == {"Finished": "7", "Waiting": "8"}
    assert [task.frames for task in tasks.tasks(still.connection, JOB, most=9)] == ["7", "8"]
    assert [tasks.number_of(still.connection, JOB, frame) for frame in (6, 7, 8, 9)] == [None, 1, 2, None]
    told = [file for task in frame_files.tasks(still.connection, JOB) for file in frame_files.of_task(task)]
    assert [file.name for file in told] == ["000007.png"]
    data = json.loads("".join(job_files.data_json(still.connection, JOB)[1]))
    assert [list(task["command"]["Blender"]["frame"]) for task in data["tasks"]] == [["7"], ["8"]]


def test_a_picture_has_failed_with_one_of_its_tiles_and_is_rendered_when_it_is_retried(
    still: Still,
) -> None:
    still.report("7.1", "error", "Errored", "no memory")
    assert still.status("7") == "Waiting"
    still.report("7.1", "requeue", "Waiting")
    still.render("7.2", "7.3", "8.1", "8.2", "8.3", "8")
    still.report("7.1", "error", "Errored", "no memory")
    still.report("7.1", "reject", "Errored", "no memory")
    assert still.status() == "Errored"
    assert [(one.frames, one.reason) for one in books.failures(still.connection, JOB, most=9)] == [
        ("7", "1 of its 3 tiles could not be rendered: no memory")
    ]
    assert changes.retry(still.connection, JOB) == 2
    assert (still.queued(), still.status("7")) == (["7.1"], "Waiting")
    still.render("7.1")
    assert still.queued() == ["7"]


def test_a_job_whose_tiles_fail_alike_is_stopped_and_says_so(still: Still) -> None:
    for name in ("7.1", "7.2", "7.3"):
        assert stopped(still) == ""
        still.report(name, "error", "Errored", "no memory")
        still.report(name, "reject", "Errored", "no memory")
    assert stopped(still) == "Stopped after 3 tiles failed in the same way: no memory"


def stopped(still: Still) -> str:
    (job,) = books.jobs(still.connection)
    return job.stopped


def test_of_a_picture_that_could_not_be_finished_the_tiles_that_are_lost_are_rendered_anew(still: Still) -> None:
    still.render("7.1", "7.2", "7.3", digest=hashlib.blake2b(b"12345678").hexdigest())
    damaged = {"7.1": None, "7.2": b"1234", "7.3": b"12345687"}
    for path in (still.jobs / JOB / "tiles").rglob("*.exr"):
        if content := damaged[still.name(path.parent.name)]:
            path.write_bytes(content)
        else:
            path.unlink()
    still.report("7", "reject", "Errored", "no memory")
    still.tidy()
    assert still.queued() == ["8.1", "8.2", "8.3", "7.1", "7.2"]  # all are not read for an error of any kind
    assert (still.status("7"), still.status()) == ("Waiting", "Running")
    still.render("7.1", "7.2")
    still.report("7", "reject", "Errored", f"{tile.BLAMED} is not what was rendered")
    still.tidy()
    assert still.queued() == ["8.1", "8.2", "8.3", "7.1", "7.2", "7.3"]  # of these two the test tells another hash
    still.render("7.1", "7.2", "7.3")
    assert still.queued()[-1] == "7"


def test_a_picture_that_fails_though_its_tiles_are_there_has_failed(still: Still) -> None:
    still.render("7.1", "7.2", "7.3")
    still.report("7", "reject", "Errored", "no colours")
    still.tidy()
    assert still.status("7") == "Errored"
    assert still.files() == ["7.1", "7.2", "7.3"]
    changes.retry(still.connection, JOB, [7])
    assert still.queued()[-1] == "7"


def test_a_job_that_is_canceled_keeps_no_tiles_and_renders_them_again_when_it_is_retried(still: Still) -> None:
    still.render("7.1", "7.2", "7.3", "7", "8.1", "8.2")
    changes.cancel(still.connection, JOB)
    still.tidy()
    assert (still.status(), still.queued(), still.files()) == ("Canceled", [], [])
    changes.retry(still.connection, JOB)
    assert sorted(still.queued()) == ["8.1", "8.2", "8.3"]
    still.render("8.1", "8.2", "8.3")
    assert still.queued() == ["8"]
    still.render("8")
    assert still.status() == "Finished"


def test_of_a_job_that_is_paused_nothing_is_begun_when_its_tiles_are_there(still: Still) -> None:
    changes.pause(still.connection, JOB)
    still.render("7.1", "7.2", "7.3")
    assert still.queued() == []
    changes.resume(still.connection, JOB)
    assert still.queued() == ["8.1", "8.2", "8.3", "7"]


def test_nothing_is_left_of_a_job_that_is_deleted(still: Still) -> None:
    changes.delete(still.connection, JOB)
    assert still.connection.execute("SELECT count(*) FROM tile").fetchone() == (0,)
    still.tidy()  # by one who had begun to look after it


def test_tiles_of_another_version_of_blender_are_rendered_anew_before_the_picture_is_finished(still: Still) -> None:
    still.render("7.1", blender="4.3.2")
    assert tiles.are_rendered_by(still.connection, JOB, "5.2.2")
    assert not tiles.are_rendered_by(still.connection, JOB, "5.2.2")
    still.render("7.2", "7.3", blender="5.2.2")
    assert still.queued() == ["8.1", "8.2", "8.3", "7.1"]
    assert (still.status("7.1"), still.status("7")) == ("Waiting", "Waiting")
    still.render("7.1", blender="5.2.2")
    assert still.queued()[-1] == "7"


def test_tiles_on_another_kind_of_device_are_rendered_anew_where_one_is_wanted(still: Still) -> None:
    still.wants_one_kind()
    assert tiles.are_rendered_by(still.connection, JOB, tile.makers("4.3.2", "CPU (a, b) on Linux"))
    still.render("7.1", blender="4.3.2", kind="CPU (a, b) on Linux")
    assert tiles.are_rendered_by(still.connection, JOB, tile.makers("4.3.2", "CPU (c) on Linux"))
    still.render("7.2", "7.3", blender="4.3.2", kind="CPU (c) on Linux")
    assert still.queued() == ["8.1", "8.2", "8.3", "7.1"]
    still.render("7.1", blender="4.3.2", kind="CPU (c) on Linux")
    assert still.queued()[-1] == "7"


def test_of_a_tile_that_is_rendered_anew_the_new_file_counts_and_not_the_one_that_was_stored_before(
    still: Still,
) -> None:
    still.store("7.1", size=7, digest="a" * 128)
    still.render("7.1", blender="4.3.2", size=7, digest="a" * 128)
    tiles.are_rendered_by(still.connection, JOB, "5.2.2")
    still.render("7.2", "7.3", blender="5.2.2")
    assert still.queued() == ["8.1", "8.2", "8.3", "7.1"]
    assert stored.size_of(still.connection, JOB, still.task("7.1"), 7) is None
    still.store("7.1", size=9, digest="b" * 128)
    still.render("7.1", blender="5.2.2", size=9, digest="b" * 128)
    assert still.queued()[-1] == "7"
    told = Task.from_json(books.task(still.connection, JOB, still.task("7")) or b"").tiles
    assert (told[0].size, told[0].hash) == (9, "b" * 128)


def test_who_renders_a_tile_of_which_another_has_stored_the_file_does_not_say_what_that_is_of(still: Still) -> None:
    tiles.are_rendered_by(still.connection, JOB, "5.2.2")
    still.store("7.1", size=7, digest="a" * 128)  # by one of version 4.3.2 who was not heard for long
    still.render("7.1", blender="5.2.2", device="CPU", digest="b" * 128)
    still.render("7.2", "7.3", blender="5.2.2", device="CPU")
    assert still.queued() == ["8.1", "8.2", "8.3", "7.1"]
    still.store("7.1", size=8, digest="c" * 128)
    still.render("7.1", blender="5.2.2", device="CPU", digest="c" * 128)
    assert still.queued()[-1] == "7"


def test_what_its_tiles_were_rendered_on_is_told_of_a_picture_if_that_is_not_all_the_same(still: Still) -> None:
    still.render("7.1", "7.2", "7.3", device="CPU")
    still.render("8.1", "8.2", device="CPU")
    still.render("8.3", device="OPTIX")
    assert [(one.frames, one.words) for one in books.warnings(still.connection, JOB)] == [
        ("8", "the tiles of the picture were rendered on CPU and on OPTIX, which round otherwise")
    ]
