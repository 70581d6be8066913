# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of blends that travel in pieces: what a scene costs that is sent again after a small change, in bytes
that a proxy has counted and in seconds until a worker begins its frame. Measures and tells; asserts nothing."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Self

from bender_worker_addon.pieces import shelf
from tools.bench import first_time, from_window, transfer
from tools.blenders import blenders
from tools.blenders.inside_blender import run_script
from tools.build import package
from tools.errors import ToolError
from tools.process import say
from tools.servers.proxy import Proxy
from tools.servers.served_farm import DESK, ServedFarm

_CHANGES = {
    "nothing": "nothing changed",
    "move": "an object moved",
    "add": "an object added",
    "colour": "a material changed",
    "edit": "one mesh of fifty edited",
    "paint": "one texture of twenty repainted",
}
PARTS = {
    "first": "the first time, in pieces and as a whole",
    "changes": "a scene that is sent again after each of these changes",
    "workers": "many workers that had the last version",
    "small": "a scene of small objects",
    "shared": "scenes that share textures, or a library",
    "window": "the dialog's Send in a Blender that is open",
}
_OTHERS = 1_000_000  # the numbers of other meshes and textures, from there on
_PATIENCE = 300.0  # seconds
MESHES, TEXTURES = 50, 20  # of a scene of the full size, see `inside_blender/pieces.py`
_PREPARE = 900.0  # seconds in which Blender makes a scene

Row = tuple[str, str]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="build.py bench pieces")
    parser.add_argument("--quick", action="store_true", help="scenes of a tenth of the size, 4 workers")
    parser.add_argument("--mbit", type=float, default=1000.0, metavar="N", help="what the line does each way (1000)")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one, or these")
    parser.add_argument("--blender", metavar="PATH")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    blender = blenders.find(options.blender)
    with tempfile.TemporaryDirectory(prefix="bender-worker-bench-") as folder:
        rows = {}
        version = ".".join(map(str, blenders.version_of(blender)))
        print(f"Blender {version}, {os.cpu_count()} cores, to and from the farm at {options.mbit:g} Mbit/s")
        with _Bench(blender, Path(folder), quick=options.quick, rate=options.mbit / 8 * 1e6) as bench:
            for name, words in bench.rows(options.part or PARTS):
                rows[name] = words
                print(f"  {name:50}{words}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0


class _Bench:
    def __init__(self, blender: Path, scratch: Path, *, quick: bool, rate: float) -> None:
        """`rate`: bytes a second, each way."""
        self._blender = blender
        self._rate = rate
        self._scratch = scratch
        self._size, self._objects, self._workers_there = (50, 5_000, 4) if quick else (500, 50_000, 20)
        self._repeat = 2 if quick else 5
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            say("Starting a farm with a RabbitMQ of its own, building and installing the add-on …")
            archive = package.build(self._blender, folder=self._scratch)
            env = package.install(self._blender, archive, self._scratch / "user")
            self._farm = self._stack.enter_context(ServedFarm(self._blender, env, folder=self._scratch / "served"))
            self._up, self._down = (
                self._stack.enter_context(Proxy(self._farm.port, rate=self._rate)) for _ in range(2)
            )
            self._farm.join(DESK, self._farm.link_by(self._up.port))
            self._farm.join("worker", self._farm.link_by(self._down.port))
            self._farm.start_worker("worker", log=self._scratch / "worker.log")
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def rows(self, parts: Iterable[str]) -> Iterator[Row]:
        """What has been sent for one has nothing in common with what is for another, except for `changes` and
        `workers`, in this order: grids of another size are others, too."""
        for part in sorted(parts, key=list(PARTS).index):
            yield from getattr(self, f"_{part}")()

    def _first(self) -> Iterator[Row]:
        """A tenth of its meshes and textures shows of what the memory is."""
        tenth = {"meshes": MESHES // 10, "textures": TEXTURES // 10, "first_mesh": _OTHERS, "first_texture": _OTHERS}
        small = self._scene("large", None, "tenth", size=self._size, **tenth)
        whole = self._scene(
            "large", named="whole", size=1.02 * self._size, first_mesh=2 * _OTHERS, first_texture=2 * _OTHERS
        )
        scenes = {f"{scene.stat().st_size / 1e6:.0f} MB": scene for scene in (small, whole)}
        up, down = (self._farm.url_by(line.port) for line in (self._up, self._down))
        yield from first_time.rows(self._farm, scenes, up=up, down=down, repeat=self._repeat)

    def _changes(self) -> Iterator[Row]:
        yield from self._versions("large", self._large, _CHANGES)

    def _small(self) -> Iterator[Row]:
        yield from self._versions("small", self._scene("small", objects=self._objects), ("nothing", "move"))

    def _workers(self) -> Iterator[Row]:
        """That had the last version."""
        url, folder = self._farm.url_by(self._down.port), self._scratch / "had"
        for job in ("workers-first", "workers-move"):
            self._sent(job, self._large if job == "workers-first" else self._scene("move", before=self._large))
        transfer.measured("fetch-pieces", url, folder / "workers-first.blend", "workers-first")
        had = next(folder.glob("*/*.blend"))
        down, took = self._down.down, []
        for number in range(self._workers_there):
            target = self._scratch / f"worker-{number}" / "workers-move.blend"
            last = target.parent / had.parent.name
            last.mkdir(parents=True)
            for file in (had, shelf.manifest_file(had)):
                os.link(file, last / file.name)
            took.append(transfer.measured("fetch-pieces", url, target, "workers-move"))
            shutil.rmtree(target.parent)
        share = 100 * (self._down.down - down) / (len(took) * had.stat().st_size)
        seconds, memory = median(one.seconds for one in took), max(one.memory for one in took)
        words = f"{share:.2f} % of {len(took)} times the file, {seconds:.2f} s and {memory / 1e6:.0f} MB of memory each"
        yield f"to {len(took)} workers that had the last version", words

    def _shared(self) -> Iterator[Row]:
        """Two with the same textures and five meshes of their own, two with the same library and one of their own."""
        size = self._size / 5
        library = str(
            self._scene("large", named="library", size=size, first_mesh=3 * _OTHERS, first_texture=3 * _OTHERS)
        )
        shares: dict[str, float] = {"meshes": 5, "first_texture": 4 * _OTHERS}
        for number in (4, 5):
            yield self._sharing(f"textures-{number}", "large", size=size, first_mesh=number * _OTHERS, **shares)
        for number in (6, 7):
            yield self._sharing(f"library-{number}", "linking", size=size, library=library, first_mesh=number * _OTHERS)

    def _sharing(self, named: str, what: str, **options: float | str) -> Row:
        cost = self._sent(named, self._scene(what, None, named, **options))
        return f"shared {named}, {self._blend(named).stat().st_size / 1e6:.0f} MB", str(cost)

    def _window(self) -> Iterator[Row]:
        others = {"first_mesh": 8 * _OTHERS, "first_texture": 8 * _OTHERS}
        scene = self._scene("large", None, "open", size=1.04 * self._size, hidden=True, **others)
        took = list(
            from_window.seconds(self._farm, self._blender, scene, scratch=self._scratch, times=1 + self._repeat)
        )
        again = median(took[1:])
        words = f"first {took[0]:.1f} s, again {again:.1f} s, {100 * again / took[0]:.0f} % of the time"
        yield "from the dialog's Send to the frame begun", words

    def _versions(self, kind: str, scene: Path, changes: Iterable[str]) -> Iterator[Row]:
        """The scene, then each change of it, sent and rendered."""
        first = self._sent(f"{kind}-first", scene)
        size = self._blend(f"{kind}-first").stat().st_size
        yield f"{kind}, {size / 1e6:.0f} MB: first time", str(first)
        for change in changes:
            job = f"{kind}-{change}"
            found = self._sent(job, self._scene(change, before=scene))
            share = 100 * max(found.up, found.down) / size
            faster = 100 * found.begun / first.begun
            words = f"{share:.2f} % of the bytes, {faster:.0f} % of the time"
            yield f"{kind}: {_CHANGES[change]}", f"{found}; {words}"

    def _sent(self, job: str, scene: Path) -> "_Cost":
        """By `submit`, to a worker that renders it."""
        up, down, began = self._up.up, self._down.down, time.time()
        self._farm.submit(scene, job=job, frames="1")
        sent = time.time() - began
        begun = 0.0
        for task in self._farm.follow(patience=_PATIENCE):
            if task["parent_id"] == job and task["time"]["start"]:
                begun = datetime.fromisoformat(task["time"]["start"]).timestamp() - began
                if task["status"] != "Finished" and task["time"]["error"]:
                    raise ToolError(f"{job} failed")
        return _Cost(self._up.up - up, self._down.down - down, sent, begun)

    @cached_property
    def _large(self) -> Path:
        return self._scene("large", size=self._size)

    def _scene(self, what: str, before: Path | None = None, named: str = "", **options: float | str) -> Path:
        named = named or (what if before is None else f"{before.stem}-{what}")
        made = self._scratch / f"{named}.blend"
        if not made.exists():
            run_script("pieces.py", self._blender, what, str(before or ""), made, options, timeout=_PREPARE)
        return made

    def _blend(self, job: str) -> Path:
        return next((self._farm.jobs / job).glob("*.blend"))


@dataclass(frozen=True)
class _Cost:
    """Bytes to the farm and to the worker; seconds until it was sent, and until its frame was begun."""

    up: int
    down: int
    sent: float
    begun: float

    def __str__(self) -> str:
        megabytes = f"{self.up / 1e6:.2f} MB up, {self.down / 1e6:.2f} MB down"
        return f"{megabytes}; sent {self.sent:.1f} s, begun {self.begun:.1f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
