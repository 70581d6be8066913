# SPDX-License-Identifier: GPL-3.0-or-later
"""A blend on its way in pieces, and whoever sends, takes or fetches it killed in the midst of it, again and again: what
has come is not sent again, and what is there in the end is the blend."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from bender_worker_addon.pieces.manifest import Manifest
from tests.farm.serving import PATIENCE, Farm
from tests.unit.sites.between import Breaking
from tests.unit.sites.test_pieces import SIZE, scene
from tools.places import PROJECT

SENDER = """
import sys
from pathlib import Path
from bender_worker_addon.settings.tls import SYSTEM_TLS
from bender_worker_addon.sites import pieces
from bender_worker_addon.sites.client import Client
from bender_worker_addon.sites.site import nobody
pieces._PAUSES = (0.2,) * 600
client = Client(sys.argv[1], SYSTEM_TLS)
sys.exit(not pieces.sent_in_pieces(client, "/api/jobs/job-1/files/scene.blend", Path(sys.argv[2]), nobody))
"""
WORKER = """
import sys
from pathlib import Path
from bender_worker_addon.core.transfers import BlendReady
from bender_worker_addon.pieces.part import Part
from bender_worker_addon.worker.blends import files, pieces
from bender_worker_addon.worker.blends.flaskbender import Flaskbender

class Telling(Part):
    def lacking(self, shelf):
        lacking = super().lacking(shelf)
        print(len(lacking), flush=True)
        return lacking

    def write(self, some):
        super().write(some)
        print(len(self.left), flush=True)

pieces.Part, pieces._WRITTEN = Telling, 100_000
files.find(Path(sys.argv[2]).parent, [])  # as a worker does when it starts
sys.exit(not isinstance(Flaskbender(sys.argv[1]).fetch_blend("job-1", Path(sys.argv[2])), BlendReady))
"""
STEPS = (100_000, 1_000_000, 2_000_000, 2_900_000)  # bytes that have gone through when somebody is killed


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    made = Farm(tmp_path)
    yield made
    made.close()


@pytest.fixture
def between(farm: Farm) -> Iterator[Breaking]:
    with Breaking(farm.port, []) as made:
        yield made


def test_the_server_is_killed_while_a_blend_comes(farm: Farm, between: Breaking, tmp_path: Path) -> None:
    with started(SENDER, person(farm, between), written(tmp_path)) as sender:
        for step in STEPS:
            until(partial(_is_over, step, lambda: between.up, sender))
            farm.server.kill()
            farm.start()
        assert sender.wait(PATIENCE) == 0
    assert (farm.folder / "farm" / "jobs" / ".new-job-1" / "scene.blend").read_bytes() == scene()


def test_who_sends_a_blend_is_killed(farm: Farm, between: Breaking, tmp_path: Path) -> None:
    killed_at_each_step(SENDER, person(farm, between), written(tmp_path), lambda: between.up)
    assert between.up < SIZE * 1.6
    assert (farm.folder / "farm" / "jobs" / ".new-job-1" / "scene.blend").read_bytes() == scene()


def test_who_fetches_a_blend_is_killed(farm: Farm, between: Breaking, tmp_path: Path) -> None:
    farm.send("job-1", "1", content=scene())
    blends = tmp_path / "blends"
    left = pieces = len(Manifest.of(written(tmp_path)))
    for part in (0.9, 0.5, 0.1):
        with started(WORKER, person(farm, between), blends / "job-1.blend") as worker:
            told = [number_from(worker)]
            assert told[0] <= left
            while told[-1] > part * pieces:
                told.append(number_from(worker))
            left = told[-1]
            worker.kill()
    with started(WORKER, person(farm, between), blends / "job-1.blend") as worker:
        assert number_from(worker) <= left
        worker.communicate(timeout=PATIENCE)
        assert worker.returncode == 0
    assert [path.name for path in blends.iterdir()] == ["job-1"]
    assert (blends / "job-1" / "scene.blend").read_bytes() == scene()
    assert not list(blends.rglob("*.part"))


def number_from(process: "subprocess.Popen[bytes]") -> int:
    """What it prints next."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def killed_at_each_step(program: str, url: str, file: Path, went: Callable[[], int]) -> None:
    for step in STEPS:
        with started(program, url, file) as process:
            until(partial(_is_over, step, went, process))
            process.kill()
    with started(program, url, file) as process:
        assert process.wait(PATIENCE) == 0


def _is_over(step: int, went: Callable[[], int], process: "subprocess.Popen[bytes]") -> bool:
    return went() > step or process.poll() is not None


@contextmanager
def started(program: str, url: str, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", program, url, str(file)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def person(farm: Farm, between: Breaking) -> str:
    return f"http://person:{farm.key}@127.0.0.1:{between.port}"


def written(folder: Path) -> Path:
    file = folder / "scene.blend"
    file.write_bytes(scene())
    return file


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
