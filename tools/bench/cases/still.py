# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture in tiles: what cutting it and putting it together costs, and what it brings to share it, among the
Blenders of a machine and among machines that share nothing, with a server and RabbitMQ between them."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tools.bench.cases.yard import PATIENCE, Bench, Figure
from tools.errors import ToolError
from tools.servers.local_farm import LocalFarm
from tools.servers.served_farm import ServedFarm

_TILES = 8
_MACHINES = (1, 2, 4)
_FRAMES = 5  # of a film, for two machines: as wholes three rounds, for the last of which one has nothing to do
_FINISHED = ("Finished", "PNG")  # what the last task is then: the others are tiles, of another format


def still(bench: Bench) -> list[Figure]:
    blend = bench.scene("one_thread", frames=1, samples=256 if bench.quick else 1024, width=960, height=540)
    whole, alone, shared, *apart = bench.medians(
        lambda: _seconds(bench, blend, tiles=0, renderers=1),
        lambda: _seconds(bench, blend, tiles=_TILES, renderers=1),
        lambda: _seconds(bench, blend, tiles=_TILES, renderers=2),
        *(partial(_seconds_apart, bench, blend, machines=machines) for machines in _MACHINES),
    )
    goals = {1: 0.95, 2: 1.8}
    return [
        Figure("one Blender, the whole picture", whole, "s"),
        Figure(f"one Blender, {_TILES} tiles", alone, "s", alone / whole, 1.05),
        Figure(f"two Blenders, {_TILES} tiles", shared, "s", whole / shared, 1.8),
        *(
            Figure(f"machines with one Blender each: {machines}", seconds, "s", whole / seconds, goals.get(machines))
            for machines, seconds in zip(_MACHINES, apart, strict=True)
        ),
    ]


def film(bench: Bench) -> list[Figure]:
    blend = bench.scene("one_thread", frames=_FRAMES, samples=128 if bench.quick else 512, width=960, height=540)
    wholes, auto = bench.medians(
        *(partial(_seconds_apart, bench, blend, machines=2, frames=_FRAMES, split=split) for split in (0, "auto"))
    )
    return [
        Figure(f"{_FRAMES} frames by two machines, as wholes", wholes, "s"),
        Figure("the last of them in tiles", auto, "s", wholes / auto, 1.15),
    ]


def _seconds(bench: Bench, blend: Path, *, tiles: int, renderers: int) -> float:
    """From the first tile's beginning until the picture is stored: a Blender's start belongs to no picture."""
    folder = bench.scratch / f"still-{time.monotonic_ns()}"
    with LocalFarm(bench.blender, bench.env, folder=folder, outpath=folder / "frames") as farm:
        farm.submit(blend, job="still", frames="1", split=tiles)
        options = ("--max-tasks", str(tiles + 1), "--renderers", str(renderers))
        worker = farm.start_worker(*options, log=folder / "log")
        return _followed(farm.follow(worker, patience=PATIENCE), worker.last_words)


def _seconds_apart(bench: Bench, blend: Path, *, machines: int, frames: int = 1, split: int | str = _TILES) -> float:
    """The same with so many machines, which are there when it is sent."""
    folder = bench.scratch / f"still-{time.monotonic_ns()}"
    with ServedFarm(bench.blender, bench.env, folder=folder) as farm:
        workers = [farm.start_worker(f"machine-{n}", log=folder / f"log-{n}") for n in range(machines)]
        farm.submit(blend, job="still", frames=f"1-{frames}", split=split)
        return _followed(farm.follow(patience=PATIENCE), workers[0].last_words)


def _followed(tasks: Iterator[dict[str, Any]], last_words: Callable[[], str]) -> float:
    """Seconds from the first task's beginning until the picture, or the last of them, is there."""
    began = ended = 0.0
    for task in tasks:
        if task["status"] == "Running" and not began:
            began = time.monotonic()
        if (task["status"], task["command"]["Blender"]["image_format"]) == _FINISHED:
            ended = time.monotonic()
    if not ended:
        raise ToolError(f"The picture was not finished. {last_words()}")
    return ended - began
