# SPDX-License-Identifier: GPL-3.0-or-later
"""BookKeeper: how many tasks it gives to RabbitMQ, into which queue, for whoever is there."""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.tile import Region, cut, makers, parted
from bender_worker_addon.farm import changes, new_job
from bender_worker_addon.farm.books import jobs
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewJob, SceneFacts
from bender_worker_addon.queues.rabbitmq.channels import TILE_QUEUE, tile_queue
from bender_worker_addon.server import book_keeper
from bender_worker_addon.server.book_keeper import BookKeeper

SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=64, height=36, scale=100, fps=24, step=1)


def keeper(folder: Path, *jobs: tuple[str, int, int], one_kind: bool = False) -> BookKeeper:
    """Of a farm with these: name, frames, and tiles of each."""
    for name, frames, tiles in jobs:
        enter(folder, name, frames=frames, tiles=tiles, one_kind=one_kind)
    return BookKeeper(folder, changed=lambda: None)


def enter(folder: Path, name: str, *, frames: int = 1, tiles: int = 0, one_kind: bool = False) -> None:
    parts: Sequence[Region] = cut(Region(0, 0, 640, 360), tiles) if tiles else ()
    told: dict[str, Any] = {"name": name, "blend": "s.blend", "image_format": "PNG", "id": name}
    job = NewJob(frames=range(1, frames + 1), regions=parts, scene=SCENE, one_kind=one_kind, **told)
    with closing(Database(folder)) as database, database.changing() as connection:
        head = new_job.head(job, jobs=folder, outpath=folder)
        changes.add_job(connection, head, name=name, priority=0, tasks=new_job.tasks(job))


def hello(keeper: BookKeeper, *workers: str, tiles: bool = True, blender: str = "", kind: str = "") -> None:
    told = json.dumps({"tiles": tiles, "blender": blender, "kind": kind}).encode()
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
    assert queues(books) == {OLD: 4, "work": 4}  # for those that are none of its makers
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


A, B = "CPU (AMD EPYC 7B13) on Linux", "CPU (Intel Xeon, 2.20 GHz) on Linux"
ON_A, ON_B = tile_queue(makers("4.3.2", A)), tile_queue(makers("4.3.2", B))


def test_a_kind_has_a_queue_of_its_own(tmp_path: Path) -> None:
    assert ON_A.startswith("bender-tiles.4.3.2.CPU-AMD-EPYC-7B13-on-Linux-")
    assert tile_queue(makers("4.3.2", A + "!")) not in (ON_A, tile_queue(makers("4.3.2", A + "?")))
    assert re.fullmatch(r"[a-zA-Z0-9.-]{1,100}", tile_queue(makers("5.2.2 LTS", 99 * "é\n")))
    assert ON_A.startswith(OLD + ".")


def test_tiles_of_one_kind_are_given_to_that_which_most_have(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 2, 8), one_kind=True)
    hello(books, "old", "several", blender="4.3.2")
    assert queues(books) == {}  # nobody knows what they render on
    hello(books, "other", blender="4.3.2", kind=B)
    hello(books, "one", "two", blender="4.3.2", kind=A)
    assert set(books.tile_queues()) == {OLD, ON_A, ON_B}
    assert queues(books) == {ON_A: 4}
    hello(books, *"cdefgh", blender="4.3.2", kind=B)
    assert set(queues(books)) <= {ON_A}  # it is settled


def test_who_renders_on_another_kind_is_not_kept_waiting(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 2, 8), one_kind=True)
    hello(books, "one", blender="4.3.2", kind=A)
    assert queues(books) == {ON_A: 4}
    hello(books, "other", blender="4.3.2", kind=B)
    enter(tmp_path, "film", frames=9)
    found = books.wanted(in_work=0, in_tiles={ON_A: 4})
    assert [message.queue for message in found] == ["work"] * 4
    assert books.wanted(in_work=4, in_tiles={ON_A: 4}) == []


def test_what_is_newer_but_anybody_s_does_not_keep_older_tiles_of_one_kind_waiting(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 2, 8), one_kind=True)
    enter(tmp_path, "newer", tiles=8)
    hello(books, "one", blender="4.3.2", kind=A)
    assert queues(books) == {ON_A: 4}
    assert books.wanted(in_work=0, in_tiles={ON_A: 4}) == []  # it can take all of them
    hello(books, "other", blender="4.3.2", kind=B)
    found = books.wanted(in_work=0, in_tiles={ON_A: 4})
    assert [message.queue for message in found] == [OLD] * 4


def test_a_worker_that_starts_anew_takes_its_kind_along_for_three_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_keeper, "_LOOK_FOR_LOST", 0.0)
    books = keeper(tmp_path, ("still", 1, 3), one_kind=True)
    hello(books, "one", blender="4.3.2", kind=A)
    assert queues(books) == {ON_A: 3}
    books._settle_anew_at = 0.0
    hello(books, "one", blender="4.3.2")  # before its Blender has said what there is
    hello(books, "other", blender="4.3.2", kind=B)
    assert (queues(books), books.abandoned()) == ({}, set())
    books._were.clear()  # it is long ago
    assert (queues(books), books.abandoned()) == ({ON_B: 3}, {ON_A})


def test_nobody_can_have_the_farm_look_after_any_number_of_kinds(tmp_path: Path) -> None:
    books = keeper(tmp_path, ("still", 1, 3), one_kind=True)
    hello(books, "one", "two", blender="4.3.2", kind=A)
    for number in range(100):
        hello(books, f"made-up-{number}", blender="4.3.2", kind=f"{number} " + 10_000 * "x")
    assert len(books.tile_queues()) == 9
    assert queues(books) == {ON_A: 3}


@pytest.mark.parametrize("seed", range(5))
def test_whoever_comes_and_goes_a_picture_is_of_one_kind_in_the_end(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    books = keeper(tmp_path, ("still", 1, 20), ("film", 3, 0), one_kind=True)
    kinds: dict[str, str] = {}  # of workers
    waiting: dict[str, list[bytes]] = defaultdict(list)  # by queue
    with closing(Database(tmp_path)) as database:
        for step in range(2000):
            worker = chance.choice("abc")
            if worker not in kinds or chance.random() < 0.2:
                kinds[worker] = chance.choice([A, B, ""]) if step < 200 else A
                hello(books, worker, blender="4.3.2", kind=kinds[worker])
            if chance.random() < 0.3:  # all that nobody has is given up
                books._settle_anew_at, books._were = 0.0, {}
            in_tiles = {queue: len(waiting[queue]) for queue in books.tile_queues()}
            for message in books.wanted(in_work=len(waiting["work"]), in_tiles=in_tiles):
                waiting[message.queue].append(message.body)
                books.published([message.number])
            for queue in books.abandoned():
                waiting[queue].clear()
            own = tile_queue(makers("4.3.2", kinds[worker])) if kinds[worker] else "work"
            from_here = waiting[chance.choice(["work", OLD, own])]
            if from_here:
                books.reported([(f"finish.{worker}", finished(from_here.pop(0), blender="4.3.2", kind=kinds[worker]))])
            with database.looking() as connection:
                if {job.status for job in jobs(connection)} == {"Finished"}:
                    break
        with database.looking() as connection:
            of_tiles = "SELECT DISTINCT json_extract(body, '$.data.kind') FROM task WHERE frame_count = 0"
            (settled,) = [job.blender for job in jobs(connection) if job.tiles]
            assert connection.execute(of_tiles).fetchall() == [(parted(settled)[1],)]
            assert {job.status for job in jobs(connection)} == {"Finished"}


def finished(task: bytes, **data: str) -> bytes:
    wire = json.loads(task)
    for frame in wire["command"]["Blender"]["frame"].values():
        frame.update(filesize=8, hash="0" * 128)
    wire["status"] = "Finished"
    wire["data"] |= data
    return json.dumps(wire).encode()
