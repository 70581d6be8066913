# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in tiles on a farm of many machines: over a real RabbitMQ and real HTTP, nothing shared on a disk; the
workers' Blender is the stand-in child. What the pictures look like stands in test_still.py, workers that are killed at
them in tests/faults/test_killed_tiles.py."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.tile import Picture, Region, cut, tiles_of
from bender_worker_addon.system.platform import NAME
from tests.farm.serving import PATIENCE, SERVER, Farm
from tests.unit.gates import left_open, make, opened
from tools.servers.farm import queue_depth

HASTY = SERVER.with_name("hasty_server.py")
PARTS = cut(Region(0, 0, 640, 360), 5)
WAITS = "Waiting"
PICTURE = b"\x89PNG\r\n\x1a\nPNG 1" + b"".join(
    f" {(part.left, part.bottom, part.right, part.top)}".encode() for part in PARTS
)


@pytest.fixture
def farm(tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path, amqp_url)
    yield made
    made.close()


def picture(farm: Farm, job: str) -> bytes:
    return (farm.folder / "farm" / "frames" / job / "000001.png").read_bytes()


def in_books(farm: Farm, question: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(farm.folder / "farm" / "farm.sqlite")) as books:
        return books.execute(question).fetchall()


def nothing_is_left(farm: Farm, job: str, *workers: str) -> None:
    """Neither with the server nor with a worker."""
    folders = [farm.folder / "farm" / "jobs" / job, *(farm.folder / name for name in workers)]
    deadline = time.monotonic() + PATIENCE
    while left := [path for folder in folders for path in folder.rglob("*.exr")]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_workers_render_the_tiles_of_a_picture_side_by_side_and_one_finishes_it(farm: Farm, amqp_url: str) -> None:
    old = farm.old_worker(1)
    for name, blender in (("one", "4.3.2"), ("two", "4.3.2"), ("other", "5.2.2")):
        farm.worker(name, "--blender", blender)
    farm.until(lambda: [one["hello"].get("state") for one in farm.ask("GET", "/api/workers")].count(WAITS) == 3, "them")
    farm.send("still", "1", tiles=5, seconds=0.2)
    tiles = farm.folder / "farm" / "jobs" / "still" / "tiles"
    farm.until(lambda: any(tiles.glob("*/preview.jpg")), "a preview of a tile")
    shown = farm.ask("GET", "/api/jobs/still/frames/1/tiles")
    assert [(one["left"], one["bottom"], one["right"], one["top"]) for one in shown] == [
        (part.left, part.bottom, part.right, part.top) for part in PARTS
    ]
    farm.until_finished("still")
    assert farm.ask("GET", "/api/jobs/still/frames/1/tiles") == []
    assert picture(farm, "still") == PICTURE
    assert farm.frames("still") == ["000001.png"]
    rendered = (farm.folder / "renders.txt").read_text().splitlines()
    assert len(rendered) == 6
    assert len({line.split()[0] for line in rendered}) == 2
    assert set(in_books(farm, "SELECT worker FROM task")) == {("one",), ("two",)}
    assert farm.status("still")["blender"] == "4.3.2"
    nothing_is_left(farm, "still", "one", "two")
    assert not old.ended(), old.log.read_text()
    (told,) = farm.data_json("still")["tasks"]
    assert set(told["command"]["Blender"]["frame"]) == {"1"}
    assert farm.status("still")["in_tiles"] == []
    farm.send("whole", "1-3")  # of whole frames it has its share
    farm.until_finished("whole")
    assert old.exit_code() == 0, old.log.read_text()
    assert queue_depth(amqp_url, "bender-tiles.4.3.2") == (0, 2)


def test_tiles_of_one_kind_are_rendered_on_that_alone_and_by_another_if_it_is_gone(farm: Farm) -> None:
    """The stand-in child renders on what its worker may use last."""
    old = farm.old_worker(1)
    devices = {"one": "CUDA", "two": "CUDA", "other": "HIP"}
    machines = {name: farm.worker(name, "--blender", "4.3.2", BENDER_WORKER_DEVICES=devices[name]) for name in devices}
    farm.until(lambda: sum(bool(one["hello"].get("kind")) for one in farm.ask("GET", "/api/workers")) == 3, "them")
    farm.send("still", "1", tiles=5, one_kind=True, seconds=0.2)
    farm.until_finished("still")
    assert picture(farm, "still") == PICTURE
    assert {worker for (worker,) in in_books(farm, "SELECT worker FROM task")} <= {"one", "two"}
    assert farm.status("still")["blender"] == f"4.3.2, CUDA on {NAME}"
    gate = make(farm.folder / "gate")
    farm.send("left", "1", tiles=5, one_kind=True, wait={1: str(gate)})
    opened(gate)
    farm.until(lambda: any(told["done"] for told in farm.status("left")["in_tiles"]), "a tile")
    machines["one"].kill()
    machines["two"].kill()
    left_open(gate)
    farm.restart(HASTY)
    farm.until_finished("left")
    assert picture(farm, "left") == PICTURE
    assert in_books(farm, "SELECT DISTINCT worker FROM task WHERE job = 'left'") == [("other",)]
    assert farm.status("left")["blender"] == f"4.3.2, HIP on {NAME}"
    assert farm.status("left")["warnings"] == []
    assert not old.ended(), old.log.read_text()


def test_the_last_frames_of_a_film_are_cut_once_the_farm_knows_that_they_take_long(farm: Farm, amqp_url: str) -> None:
    gates = {frame: make(farm.folder / f"gate-{frame}") for frame in (1, 2)}
    for name in ("one", "two"):
        farm.worker(name, "--blender", "4.3.2")
    farm.until(lambda: [one["hello"].get("state") for one in farm.ask("GET", "/api/workers")].count(WAITS) == 2, "them")
    whole = Picture(Region(0, 0, 256, 256))
    farm.send("film", "1-6", tail=whole, seconds=0.2, ahead=100_000, wait={n: str(gate) for n, gate in gates.items()})
    farm.until(lambda: farm.status("film")["frames"].get("Running") == 2, "two frames")
    old = farm.old_worker(1)
    assert old.exit_code() == 0, old.log.read_text()
    assert farm.status("film")["tiles"] == 0
    farm.server.kill()
    for gate in gates.values():
        opened(gate)
    farm.start()
    farm.until_finished("film")
    frames = {n: (farm.folder / "farm" / "frames" / "film" / f"{n:06}.png").read_bytes() for n in range(1, 7)}
    parts = "".join(f" {(part.left, part.bottom, part.right, part.top)}" for part in tiles_of(whole, 16))
    told = {1: "PNG 1", 2: "PNG 2", 3: "3", 4: "PNG 4", 5: "PNG 5", 6: f"PNG 6{parts}"}  # the old one renders wholes
    assert frames == {n: b"\x89PNG\r\n\x1a\n" + text.encode() for n, text in told.items()}
    with closing(sqlite3.connect(farm.folder / "farm" / "farm.sqlite")) as books:
        of_tiles = "SELECT frames, worker FROM tile JOIN task ON task.id = tile.task"
        rows = books.execute(of_tiles).fetchall()
    assert [frame for frame, _ in rows] == ["6"] * 16
    assert {worker for _, worker in rows} == {"one", "two"}
    told_now = farm.status("film")
    assert (told_now["frames"], told_now["tiles"], told_now["tiles_done"]) == ({"Finished": 6}, 16, 16)
    nothing_is_left(farm, "film", "one", "two")
    assert queue_depth(amqp_url, "bender-tiles.4.3.2") == queue_depth(amqp_url) == (0, 2)


def test_a_tile_that_the_farm_has_lost_is_rendered_anew_and_what_is_canceled_is_deleted(farm: Farm) -> None:
    tiles = farm.folder / "farm" / "jobs" / "still" / "tiles"
    farm.send("still", "1", tiles=5, seconds=0.1)
    farm.worker("one")
    farm.until(lambda: any(tiles.rglob("*.exr")), "a tile")
    next(tiles.rglob("*.exr")).unlink()
    farm.until_finished("still")
    assert picture(farm, "still") == PICTURE
    gate = make(farm.folder / "gate")
    farm.send("other", "1-2", tiles=5, wait={1: str(gate), 2: str(gate)})
    opened(gate)
    farm.until(lambda: any(told["done"] for told in farm.status("other")["in_tiles"]), "a tile")
    farm.ask("POST", "/api/jobs/other/cancel", {})
    nothing_is_left(farm, "other", "one")
    farm.until(lambda: not in_books(farm, "SELECT * FROM message"), "the end of what was canceled")
    assert farm.status("other")["status"] == "Canceled"
    left_open(gate)
    assert farm.ask("POST", "/api/jobs/other/retry", {"frames": "2"})["tasks"] == 6  # with the picture's own
    farm.until(lambda: farm.status("other")["frames"] == {"Aborted": 1, "Finished": 1}, "frame 2")
    assert farm.frames("other") == ["000002.png"]
    farm.ask("POST", "/api/jobs/other/retry", {})
    farm.until_finished("other")
    nothing_is_left(farm, "other", "one")


def test_what_is_canceled_while_it_is_put_together_is_rendered_again_when_it_is_retried(farm: Farm) -> None:
    gate = make(farm.folder / "gate")
    farm.send("still", "1-2", tiles=2, wait={1: str(gate)})
    farm.worker("one")
    for done in (1, 2):
        opened(gate)
        shown = {"frame": 1, "done": done, "of": 2}
        farm.until(lambda shown=shown: shown in farm.status("still")["in_tiles"], "a tile")  # type: ignore[misc]
    farm.until(lambda: farm.status("still")["frames"].get("Running") == 1, "a frame that is put together")
    farm.ask("POST", "/api/jobs/still/cancel", {})
    nothing_is_left(farm, "still", "one")
    over = ({"Aborted": 2}, {"Aborted": 1, "Finished": 1})  # the other frame may have come in between
    farm.until(lambda: farm.status("still")["frames"] in over, "the end of what was canceled")
    finished = farm.status("still")["frames"].get("Finished", 0)
    assert not (farm.folder / "farm" / "frames" / "still" / "000001.png").exists()
    left_open(gate)
    assert farm.ask("POST", "/api/jobs/still/retry", {"frames": "1"})["tasks"] == 3
    farm.until(lambda: farm.status("still")["frames"].get("Finished") == 1 + finished, "frame 1")
    farm.ask("POST", "/api/jobs/still/retry", {})
    farm.until_finished("still")
    assert farm.frames("still") == ["000001.png", "000002.png"]
    nothing_is_left(farm, "still", "one")
