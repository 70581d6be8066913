# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture in tiles: what cutting it and putting it together costs, and what it brings to share it."""

import time
from pathlib import Path

from tools.bench.cases.yard import PATIENCE, Bench, Figure
from tools.errors import ToolError
from tools.servers.local_farm import LocalFarm

_TILES = 8


def still(bench: Bench) -> list[Figure]:
    blend = bench.scene("one_thread", frames=1, samples=256 if bench.quick else 2048, width=960, height=540)
    whole, alone, shared = bench.medians(
        lambda: _seconds(bench, blend, tiles=0, renderers=1),
        lambda: _seconds(bench, blend, tiles=_TILES, renderers=1),
        lambda: _seconds(bench, blend, tiles=_TILES, renderers=2),
    )
    return [
        Figure("one Blender, the whole picture", whole, "s"),
        Figure(f"one Blender, {_TILES} tiles", alone, "s", alone / whole, 1.05),
        Figure(f"two Blenders, {_TILES} tiles", shared, "s", whole / shared, 1.8),
    ]


def _seconds(bench: Bench, blend: Path, *, tiles: int, renderers: int) -> float:
    """From the first tile's beginning until the picture is stored: a Blender's start belongs to no picture."""
    folder = bench.scratch / f"still-{time.monotonic_ns()}"
    with LocalFarm(bench.blender, bench.env, folder=folder, outpath=folder / "frames") as farm:
        farm.submit(blend, job="still", frames="1", split=tiles)
        options = ("--max-tasks", str(tiles + 1), "--renderers", str(renderers))
        worker = farm.start_worker(*options, log=folder / "log")
        began = ended = 0.0
        for task in farm.follow(worker, patience=PATIENCE):
            if task["status"] == "Running" and not began:
                began = time.monotonic()
            if task["status"] == "Finished" and task["command"]["Blender"]["image_format"] != "OPEN_EXR_MULTILAYER":
                ended = time.monotonic()
    if not ended:
        raise ToolError(f"The picture was not finished. {worker.last_words()}")
    return ended - began
