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
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Self

from bender_worker_addon.core.transfers import BlendReady
from bender_worker_addon.pieces import shelf
from bender_worker_addon.settings.tls import SYSTEM_TLS
from bender_worker_addon.sites.client import Client
from bender_worker_addon.sites.pieces import sent_in_pieces
from bender_worker_addon.sites.site import nobody
from bender_worker_addon.system import hashing
from bender_worker_addon.system.files import discard_folder
from bender_worker_addon.worker.blends.download import Download
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from bender_worker_addon.worker.blends.http_client import HttpClient
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
_PATIENCE = 300.0  # seconds
_PREPARE = 900.0  # seconds in which Blender makes a scene

Row = tuple[str, str]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="build.py bench pieces")
    parser.add_argument("--quick", action="store_true", help="scenes of a tenth of the size, 4 workers")
    parser.add_argument("--mbit", type=float, default=1000.0, metavar="N", help="what the line does each way (1000)")
    parser.add_argument("--blender", metavar="PATH")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    blender = blenders.find(options.blender)
    with tempfile.TemporaryDirectory(prefix="bender-worker-bench-") as folder:
        rows = {}
        version = ".".join(map(str, blenders.version_of(blender)))
        print(f"Blender {version}, {os.cpu_count()} cores, to and from the farm at {options.mbit:g} Mbit/s")
        with _Bench(blender, Path(folder), quick=options.quick, rate=options.mbit / 8 * 1e6) as bench:
            for name, words in bench.rows():
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
        self._size, self._objects, self._workers = (50, 5_000, 4) if quick else (500, 50_000, 20)
        self._repeat = 1 if quick else 3
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            say("Starting a farm with a RabbitMQ of its own, building and installing the add-on …")
            archive = package.build(self._blender, folder=self._scratch)
            env = package.install(self._blender, archive, self._scratch / "user")
            self._farm = self._stack.enter_context(ServedFarm(self._blender, env, folder=self._scratch / "farm"))
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

    def rows(self) -> Iterator[Row]:
        large = self._scene("large", size=self._size)
        yield from self._first_time(large)
        yield from self._versions("large", large, _CHANGES)
        yield from self._many_workers()
        yield from self._versions("small", self._scene("small", objects=self._objects), ("nothing", "move"))

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

    def _first_time(self, file: Path) -> Iterator[Row]:
        """As a whole and in pieces, in turn; what was sent is forgotten each time."""
        ways: dict[str, Callable[[Client, str], object]] = {
            "as a whole": lambda client, path: client.put(path, file, {"X-Blake2b": _hash(file)}, nobody),
            "in pieces": lambda client, path: sent_in_pieces(client, path, file, nobody),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(self._repeat):
            for way, send in ways.items():
                job = f"{way[3]}{number}"
                with closing(Client(self._farm.url_by(self._up.port), SYSTEM_TLS)) as client:
                    seconds[way].append(_seconds(send, client, f"/api/jobs/{job}/files/large.blend"))
                discard_folder(self._farm.jobs / f".new-{job}")
        whole, pieces = (median(seconds[way]) for way in ways)
        yield "to the farm for the first time", f"as a whole {whole:.2f} s, in pieces {pieces:.2f} s"

    def _many_workers(self) -> Iterator[Row]:
        """That had the last version."""
        url = self._farm.url_by(self._down.port)
        folder = self._scratch / "had"
        pieces = _seconds(_fetched, url, folder / "large-first.blend")
        had = next(folder.glob("*/*.blend"))
        alone = self._scratch / "whole" / "large-first.blend"
        alone.parent.mkdir()
        whole = _seconds(_downloaded, url, alone)
        yield "to a worker for the first time", f"as a whole {whole:.2f} s, in pieces {pieces:.2f} s"
        down, took = self._down.down, []
        for number in range(self._workers):
            target = self._scratch / f"worker-{number}" / "large-move.blend"
            last = target.parent / had.parent.name
            last.mkdir(parents=True)
            for file in (had, shelf.manifest_file(had)):
                os.link(file, last / file.name)
            took.append(_seconds(_fetched, url, target))
            shutil.rmtree(target.parent)
        share = 100 * (self._down.down - down) / (self._workers * had.stat().st_size)
        words = f"{share:.2f} % of {self._workers} times the file, {median(took):.2f} s each"
        yield f"to {self._workers} workers that had the last version", words

    def _scene(self, what: str, before: Path | None = None, **options: float) -> Path:
        made = self._scratch / f"{what if before is None else before.stem + '-' + what}.blend"
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


def _fetched(url: str, target: Path) -> None:
    event = Flaskbender(url).fetch_blend(target.stem, target)
    if not isinstance(event, BlendReady):
        raise ToolError(str(event))


def _downloaded(url: str, target: Path) -> None:
    """As a whole."""
    http = HttpClient(SYSTEM_TLS)
    Download(lambda headers: http.get(f"{url}/job/worker/blend/{target.stem}", headers=headers), target).run()


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashing.of(opened)


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
