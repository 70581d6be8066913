# SPDX-License-Identifier: GPL-3.0-or-later
"""BookKeeper: how many tasks it gives to RabbitMQ, into which queue, for whoever is there."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.tile import Region, cut
from bender_worker_addon.farm import changes, new_job
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewJob, SceneFacts
from bender_worker_addon.queues.rabbitmq.channels import TILE_QUEUE, tile_queue
from bender_worker_addon.server import book_keeper
from bender_worker_addon.server.book_keeper import BookKeeper

SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=64, height=36, scale=100, fps=24, step=1)


def keeper(folder: Path, *jobs: tuple[str, int, int]) -> BookKeeper:
    """Of a farm with these: name, frames, and tiles of each."""
    with closing(Database(folder)) as database, database.changing() as connection:
        for name, frames, tiles in jobs:
            parts: Sequence[Region] = cut(Region(0, 0, 640, 360), tiles) if tiles else ()
            numbers = range(1, frames + 1)
            told: dict[str, Any] = {"name": name, "blend": "s.blend", "image_format": "PNG", "id": name}
            job = NewJob(frames=numbers, regions=parts, scene=SCENE, **told)
            head = new_job.head(job, jobs=folder, outpath=folder)
            changes.add_job(connection, head, name=name, priority=0, tasks=new_job.tasks(job))
    return BookKeeper(folder, changed=lambda: None)


def hello(keeper: BookKeeper, *workers: str, tiles: bool = True, blender: str = "") -> None:
    told = json.dumps({"tiles": tiles, "blender": blender}).encode()
    keeper.reported([(f"hello.{worker}", told) for worker in workers])


def given(keeper: BookKeeper, *, in_work: int = 0, in_tiles: int = 0) -> tuple[int, int]:
    """How many go into the queue `work`, and how many into that of tiles."""
    messages = keeper.wanted(in_work=in_work, in_tiles={TILE_QUEUE: in_tiles})
    tiles = sum(message.queue == TILE_QUEUE for message in messages)
    return len(messages) - tiles, tiles


def test_what_is_older_keeps_the_rest_waiting_whichever_queue_it_goes_into(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 1, 30), ("film", 100, 0))
    hello(books, "one", "two", "three")
    assert given(books) == (0, 6)
    assert given(books, in_tiles=6) == (0, 0)
    assert given(books, in_tiles=2) == (0, 4)


def test_a_worker_of_old_is_not_kept_waiting_by_tiles(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 1, 30), ("film", 100, 0))
    hello(books, "one", "two", "three")
    books.reported([("heart.old", b"")])
    assert given(books) == (4, 6)
    assert given(books, in_work=4, in_tiles=6) == (0, 0)
    hello(books, "one", "two", "three", tiles=False)
    assert given(books, in_work=4, in_tiles=6) == (4, 0)


def test_before_anybody_is_heard_there_is_something_but_for_tiles_of_which_nobody_knows_who_renders_them(
    tmp_path: Path,
) -> None:
    assert given(keeper(tmp_path, ("still", 1, 30), ("film", 100, 0))) == (4, 0)


def test_a_film_before_a_still_is_all_that_is_fed(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("film", 100, 0), ("still", 1, 30))
    hello(books, "one", "two")
    assert given(books) == (4, 0)


OLD, NEW = tile_queue("4.3.2"), tile_queue("5.2.2 LTS")


def queues(keeper: BookKeeper) -> dict[str, int]:
    """How many tasks go where, and are published."""
    messages = keeper.wanted(in_work=0, in_tiles={})
    keeper.published([message.number for message in messages])
    return dict(Counter(message.queue for message in messages))


def test_tiles_of_a_job_are_given_to_one_version_of_blender_that_of_its_blend_if_it_is_there(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 2, 8), ("film", 100, 0))
    hello(books, "one", "two", blender="5.2.2 LTS")
    hello(books, "three", blender="4.3.2")
    assert (OLD, NEW) == ("bender-tiles.4.3.2", "bender-tiles.5.2.2-LTS")
    assert queues(books) == {OLD: 4, "work": 2}  # what is left of what three find something to do by
    books = BookKeeper(tmp_path, changed=lambda: None)
    books.connected()
    assert set(books.tile_queues()) == {OLD, NEW}
    hello(books, *"abcdef", blender="5.2.2 LTS")
    assert NEW not in queues(books)


def test_tiles_of_a_job_whose_version_of_blender_is_there_no_more_are_given_to_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = keeper(tmp_path, ("still", 1, 3))
    hello(books, "one", blender="5.2.2 LTS")
    assert queues(books) == {NEW: 3}
    hello(books, "two", blender="5.1.0")
    assert queues(books) == {}
    monkeypatch.setattr(book_keeper, "_ALIVE", 0.0)  # all are silent for so long
    books.connected()
    assert (queues(books), books.abandoned()) == ({}, set())  # nobody is there
    monkeypatch.setattr(book_keeper, "_ALIVE", 100.0)
    hello(books, "two", blender="5.1.0")
    assert queues(books) == {tile_queue("5.1.0"): 3}
    assert books.abandoned() == {NEW}
    assert books.abandoned() == set()


def test_nobody_can_have_the_farm_look_after_any_number_of_queues(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 1, 3))
    hello(books, "one", "two", blender="4.3.2")
    for number in range(100):
        hello(books, f"made-up-{number}", blender=f"9.9.{number} " + 1000 * "x")
    assert len(books.tile_queues()) == 8
    assert queues(books) == {OLD: 3}
