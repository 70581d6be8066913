# SPDX-License-Identifier: GPL-3.0-or-later
"""The last frames of a job: kept back as long as nobody misses them, then cut, or given out as wholes."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.tile import Picture, Region
from bender_worker_addon.farm import bookkeeping, books, changes, feeding, new_job, outlook, tile_cost, tiles
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewJob, SceneFacts

SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=640, height=360, scale=100, fps=24, step=1)
WHOLE = Picture(Region(0, 0, 640, 360))
HERE = "4.3.2"
LONG, SHORT = {"render": 600.0, "sync": 3.0}, {"render": 2.0, "sync": 0.1}
Task = dict[str, Any]


class Farm:
    def __init__(self, connection: sqlite3.Connection, *blenders: str) -> None:
        """One worker for each of these versions of Blender; "" for one that takes no tiles."""
        self.connection = connection
        for number, blender in enumerate(blenders):
            told = {"blender": blender, "tiles": bool(blender)}
            bookkeeping.enter(connection, f"hello.w{number}", json.dumps(told).encode())

    def pauses(self, worker: str, blender: str) -> None:
        told = {"blender": blender, "tiles": True, "state": "Paused"}
        bookkeeping.enter(self.connection, f"hello.{worker}", json.dumps(told).encode())

    def send(self, job: str, frames: int, *, tail: Picture | None = WHOLE, chunk: int = 1) -> None:
        told: dict[str, Any] = {"name": job, "blend": "s.blend", "image_format": "PNG", "id": job, "chunk": chunk}
        made = NewJob(frames=range(1, frames + 1), scene=SCENE, tail=tail, **told)
        head = new_job.head(made, jobs=Path("/j"), outpath=Path("/o"))
        changes.add_job(self.connection, head, name=job, priority=0, tasks=new_job.tasks(made))

    def feed(self, count: int = 99, *, room: int = 99, received: bool = True) -> list[Task]:
        """The next tasks; they come to workers unless told otherwise."""
        fed = feeding.feed(self.connection, count, in_tiles={HERE: room})
        feeding.confirmed(self.connection, [one.number for one in fed])
        found = [json.loads(one.body) for one in fed]
        for one, task in zip(fed, found, strict=True):
            assert one.in_tiles == is_of_tiles(task)
            if received:
                self.report("receive", task, "Queued")
        return found

    def report(self, step: str, task: Task, status: str, **data: str) -> None:
        wire = task | {"status": status, "data": task["data"] | data}
        bookkeeping.enter(self.connection, f"{step}.w0", json.dumps(wire).encode(), only_if_fed=True)

    def finish(self, task: Task, timings: dict[str, float] | None = None) -> None:
        for frame in task["command"]["Blender"]["frame"].values():
            frame |= {"filesize": 8, "hash": "0" * 128}
        self.report("finish", task, "Finished", timings=json.dumps(timings or {}))

    def job(self) -> books.Job:
        return books.jobs(self.connection)[-1]


def is_of_tiles(task: Task) -> bool:
    return not task["data"].keys().isdisjoint(("region", "tiles"))


def frames_of(found: list[Task]) -> list[str]:
    """Of each task: `3` for a frame, `3t` for a tile of it."""
    return [next(iter(task["command"]["Blender"]["frame"])) + "t" * is_of_tiles(task) for task in found]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(Database(tmp_path)) as database, database.changing() as opened:
        yield opened


def test_the_last_frames_are_cut_when_it_is_known_that_they_take_long(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    one, two, three = farm.feed()
    assert frames_of([one, two, three]) == ["1", "2", "3"]
    assert farm.feed() == []
    farm.finish(one, LONG)
    parts = farm.feed()
    assert Counter(frames_of(parts)) == {"4t": 10, "5t": 10}
    assert frames_of(parts) == sorted(frames_of(parts))
    job = farm.job()
    assert (dict(job.frames), job.tiles, job.tiles_done) == ({"Finished": 1, "Queued": 2, "Waiting": 2}, 20, 0)
    assert job.blender == HERE
    assert books.frames_by_status(connection, "film") == {"Finished": "1", "Queued": "2-3", "Waiting": "4-5"}
    farm.report("start", parts[0], "Running")
    assert [(found.frame, found.done, found.of) for found in tiles.progress(connection, "film")] == [(4, 0, 10)]
    for part in parts[:10]:
        farm.finish(part, {"render": 1.0, "sync": 3.0})
    (picture,) = farm.feed()
    assert frames_of([picture]) == ["4t"]
    assert tile_cost.of(connection, "film") == tile_cost.Cost(render=600, each=3)
    left = outlook._left(connection, farm.job())
    assert {status: count for status, count in left.items() if count} == {"Finished": 1, "Queued": 2 + 1}
    for task in (two, three, picture, *parts[10:]):
        farm.finish(task, LONG)
    (picture,) = farm.feed()
    farm.finish(picture)
    assert farm.job().status == "Finished"


def test_frames_that_take_seconds_are_not_cut(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    farm.finish(farm.feed()[0], SHORT)
    assert frames_of(farm.feed()) == ["4", "5"]


@pytest.mark.parametrize(("renderers", "frames", "given"), [(2, 2, 2), (2, 3, 2), (2, 9, 7), (4, 3, 3), (4, 6, 4)])
def test_as_long_as_nobody_knows_what_a_frame_takes_everybody_has_one(
    connection: sqlite3.Connection, renderers: int, frames: int, given: int
) -> None:
    farm = Farm(connection, *[HERE] * renderers)
    farm.send("film", frames)
    found = farm.feed()
    assert len(found) == given
    farm.report("reject", found[0], "Errored", error="no memory")
    for task in found[1:]:
        found += farm.feed()
        farm.finish(task)  # by one who doesn't tell what it took
    found += farm.feed()
    assert frames_of(found) == [str(number) for number in range(1, frames + 1)]


def test_they_are_kept_back_until_the_others_have_come_to_workers_who_take_tiles_first(
    connection: sqlite3.Connection,
) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 9)
    one, *others = farm.feed(5, received=False)
    farm.report("receive", one, "Queued")
    farm.finish(one, LONG)
    others += farm.feed(received=False)
    assert frames_of(others) == ["2", "3", "4", "5", "6", "7"]
    for task in others[:-1]:
        farm.report("receive", task, "Queued")
        assert farm.feed() == []
    farm.report("receive", others[-1], "Queued")
    assert Counter(frames_of(farm.feed())) == {"8t": 10, "9t": 10}


def test_one_who_never_says_what_came_keeps_nobody_waiting(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    one, two, _three = farm.feed(received=False)
    for task in (one, two):
        assert farm.feed() == []
        farm.finish(task, LONG)
    assert "4t" in frames_of(farm.feed())


def test_where_another_job_waits_nobody_is_idle_and_nothing_is_kept_back_or_cut(
    connection: sqlite3.Connection,
) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    one, *_ = farm.feed()
    farm.send("other", 3)
    farm.finish(one, LONG)
    assert frames_of(farm.feed(3)) == ["4", "5", "1"]


def test_before_anybody_is_there_it_is_not_decided(connection: sqlite3.Connection) -> None:
    farm = Farm(connection)
    farm.send("film", 6)
    given = farm.feed(received=False)
    assert frames_of(given) == ["1", "2", "3", "4"]
    Farm(connection, HERE, HERE)
    assert farm.feed() == []
    for task in given:
        farm.report("receive", task, "Queued")
    farm.finish(given[0], LONG)
    assert set(frames_of(farm.feed())) == {"5t", "6t"}


def test_for_who_takes_no_tiles_nothing_is_kept_back(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, "", "")
    farm.send("film", 5)
    assert frames_of(farm.feed()) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("others", [[], ["5.2.2"]])
@pytest.mark.parametrize(("comes", "next_ones"), [(False, ["4", "5"]), (True, ["4t"] * 10 + ["5t"] * 10)])
def test_for_who_would_render_all_tiles_alone_nothing_is_cut_unless_another_one_comes(
    connection: sqlite3.Connection, others: list[str], comes: bool, next_ones: list[str]
) -> None:
    farm = Farm(connection, HERE, *others)
    farm.send("film", 5)
    found = farm.feed()
    assert frames_of(found) == ["1", "2", "3"]
    if comes:
        farm = Farm(connection, HERE, HERE)
    farm.finish(found[0], LONG)
    assert frames_of(farm.feed()) == next_ones


@pytest.mark.parametrize(("others", "kept"), [(0, 4), (1, 3), (2, 2), (4, 2), (9, 1), (20, 0)])
def test_fewer_are_cut_where_others_take_wholes_alone(connection: sqlite3.Connection, others: int, kept: int) -> None:
    farm = Farm(connection, *[HERE] * 4, *["5.2.2"] * others)
    farm.send("film", 50)
    assert len(farm.feed()) == 50 - kept


def test_who_is_paused_does_not_count(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.pauses("w1", HERE)
    farm.send("film", 5)
    farm.finish(farm.feed()[0], LONG)
    assert frames_of(farm.feed()) == ["4", "5"]


def test_only_single_frames_of_a_job_that_may_be_cut_are(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5, tail=None)
    farm.send("chunks", 7, chunk=3)
    for job in ("film", "chunks"):
        assert "tail" not in books.head(connection, job)["data"]
    assert len(farm.feed()) == 5 + 3


def test_a_frame_that_is_retried_is_cut_as_well_but_none_that_somebody_may_have(
    connection: sqlite3.Connection,
) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    first = farm.feed()
    farm.finish(first[0], LONG)
    parts = farm.feed()
    farm.report("reject", first[1], "Errored", error="no memory")
    farm.report("reject", parts[0], "Errored", error="no disk")
    for task in (first[2], *parts[1:]):
        farm.finish(task, LONG)
    farm.finish(farm.feed()[0])  # the picture of the tiles that went well
    assert books.frames_by_status(connection, "film") == {"Finished": "1,3,5", "Errored": "2,4"}
    assert changes.retry(connection, "film", [2]) == 1
    found = farm.feed()
    assert Counter(frames_of(found)) == {"2t": 16}
    farm.report("finish", first[1], "Finished")  # by one who had it before it was cut
    assert books.frames_by_status(connection, "film") == {"Finished": "1,3,5", "Waiting": "2", "Errored": "4"}
    for task in found:
        farm.finish(task, LONG)
    farm.finish(farm.feed()[0])
    assert changes.retry(connection, "film") == 2
    assert frames_of(farm.feed()) == ["4t"]


def test_a_frame_that_somebody_may_have_is_not_cut(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    farm.finish(farm.feed()[0], LONG)
    feeding.take_back(connection, feeding.fed(connection))  # RabbitMQ has lost what it had; workers go on with it
    assert frames_of(farm.feed()) == ["2", "3"]


def test_wholes_go_on_where_nobody_takes_tiles_any_more(connection: sqlite3.Connection) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    first = farm.feed()
    farm.finish(first[0], LONG)
    farm.feed(4)
    feeding.take_back(connection, feeding.fed(connection))
    assert frames_of(farm.feed(room=0)) == ["2", "3"]
    assert farm.feed(room=0) == []
    assert feeding.settle_anew(connection, ["5.2.2"]) == {"film": HERE}
    assert feeding.count(connection) == 2  # wholes stay with whom they are
    assert set(frames_of(farm.feed())) == {"4t", "5t"}


def test_what_is_paused_canceled_or_deleted_in_between_is_neither_given_out_nor_lost(
    connection: sqlite3.Connection,
) -> None:
    farm = Farm(connection, HERE, HERE)
    farm.send("film", 5)
    one, two, three = farm.feed()
    changes.pause(connection, "film")
    farm.finish(one, LONG)
    assert farm.feed() == []
    changes.resume(connection, "film")
    changes.set_priority(connection, "film", 7)
    changes.set_name(connection, "film", "beach")
    parts = farm.feed(4)
    assert {(task["data"]["name"], len(parts)) for task in parts} == {("beach", 4)}
    changes.cancel(connection, "film")
    assert farm.feed() == []
    for task in (two, three, *parts):
        farm.report("abort", task, "Aborted")
    assert connection.execute("SELECT count(*) FROM message").fetchone() == (0,)
    assert changes.retry(connection, "film") == 2 + 2 + 20
    assert set(frames_of(farm.feed())) == {"4t", "5t"}
    assert set(frames_of(farm.feed())) == {"2t", "3t"}
    changes.delete(connection, "film")
    assert connection.execute("SELECT count(*) FROM tile").fetchone() == (0,)
