# SPDX-License-Identifier: GPL-3.0-or-later
"""What frames took, whole ones and those in tiles, and into how many tiles others like them are cut."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bender_worker_addon.core.tile import Picture, Region, cut
from bender_worker_addon.farm import books, changes, new_job, outlook, pace, tile_cost
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewJob, SceneFacts
from bender_worker_addon.farm.tasks import merge
from bender_worker_addon.farm.tile_cost import Cost, best_count

SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=64, height=36, scale=100, fps=24, step=1)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(Database(tmp_path)) as database, database.changing() as opened:
        yield opened


def send(connection: sqlite3.Connection, *, frames: int, tiles: int = 0, chunk: int = 1) -> list[str]:
    """Gives the ids of its tasks, those of tiles after those of frames."""
    parts = cut(Region(0, 0, 64, 36), tiles) if tiles else []
    told = {"name": "job", "blend": "s.blend", "image_format": "PNG", "id": "job"}
    job = NewJob(frames=range(1, frames + 1), regions=parts, chunk=chunk, scene=SCENE, **told)  # type: ignore[arg-type]
    tasks = new_job.tasks(job)
    head = new_job.head(job, jobs=Path("/j"), outpath=Path("/o"))
    changes.add_job(connection, head, name="job", priority=0, tasks=tasks)
    return [task.id for task in tasks]


def finish(connection: sqlite3.Connection, task: str, *, start: float, end: float, **timings: float) -> None:
    known = json.loads(books.task(connection, "job", task) or b"")
    known["status"] = "Finished"
    moments = {"start": start, "finish": end}
    known["time"] |= {name: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%fZ}" for name, at in moments.items()}
    known["data"]["timings"] = json.dumps(timings)
    assert merge(connection, json.dumps(known).encode())


def test_what_whole_frames_took_is_known_also_of_several_in_a_task(connection: sqlite3.Connection) -> None:
    one, other = send(connection, frames=4, chunk=2)
    assert tile_cost.of(connection, "job") is None
    finish(connection, one, start=100, end=130, render=20, sync=4, write=2, load=3)
    finish(connection, other, start=100, end=140, render=40, sync=2)
    assert tile_cost.of(connection, "job") == Cost(render=15, each=2)


def test_what_a_frame_in_tiles_took_is_that_of_its_tiles(connection: sqlite3.Connection) -> None:
    picture, *tiles = send(connection, frames=1, tiles=3)
    for number, tile in enumerate(tiles):
        finish(connection, tile, start=100 + number, end=110 + number, render=9, sync=1, upload=0.5)
    finish(connection, picture, start=112, end=114, render=1, sync=1)
    assert tile_cost.of(connection, "job") == Cost(render=27, each=1.5)
    found = pace.of(connection, "job")
    assert found is not None
    assert found.seconds == 14  # from its first tile until it is there


def test_when_a_picture_will_be_there_is_told_by_its_tiles(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, *tiles = send(connection, frames=1, tiles=8)
    for number, tile in enumerate(tiles[:4]):
        finish(connection, tile, start=100 + 10 * number, end=110 + 10 * number)
    monkeypatch.setattr("time.time", lambda: 140.0)
    (job,) = books.jobs(connection)
    told = outlook.outlook(connection, job)
    assert told.latest == ()
    assert told.ends == pytest.approx(180, abs=5)


@pytest.mark.parametrize(
    ("renderers", "frames", "cost", "count"),
    [
        (2, 1, None, 8),
        (4, 1, None, 16),
        (40, 1, None, 64),
        (4, 16, None, 1),  # whole frames keep all busy
        (4, 6, None, 3),
        (2, 1, Cost(600, 0.5), 36),
        (2, 1, Cost(60, 1), 8),
        (2, 1, Cost(2, 1), 1),  # is done before it is cut
        (8, 250, Cost(60, 1), 1),
        (8, 4, Cost(600, 1), 25),
        (3, 1, Cost(1e6, 0), 64),
    ],
)
def test_the_last_tile_ends_with_the_others_and_the_scene_is_not_made_ready_too_often(
    renderers: int, frames: int, cost: Cost | None, count: int
) -> None:
    assert best_count(renderers=renderers, frames=frames, cost=cost) == count


@pytest.mark.parametrize(
    ("margin", "renderers", "frames", "cost", "count"),
    [
        (0, 2, 1, Cost(600, 0.5), 36),
        (8, 2, 1, Cost(600, 0.5), 14),
        (58, 2, 1, Cost(600, 0.5), 4),
        (58, 2, 1, Cost(4, 1), 2),  # as without: none has to wait while another renders all of it
        (58, 10, 1, None, 20),
        (58, 40, 1, Cost(3600, 1), 40),  # nobody is to be idle
        (58, 8, 4, Cost(600, 1), 5),
    ],
)
def test_a_wide_margin_is_not_rendered_more_often_than_that_is_worth(
    margin: int, renderers: int, frames: int, cost: Cost | None, count: int
) -> None:
    picture = Picture(Region(0, 0, 1920, 1080), margin=margin)
    assert best_count(renderers=renderers, frames=frames, cost=cost, picture=picture) == count
