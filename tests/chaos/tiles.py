# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in tiles, and whoever works at them killed at each step there is: of a worker, at a tile and at the picture
that is put together; of the farm's server; and RabbitMQ in the midst of it. At the end each picture is there, and
nothing is left of its tiles anywhere.

`python3 build.py chaos --tiles` runs it; the steps are those that the programs which kill themselves know.
"""

import http.client
import sqlite3
import time
import urllib.error
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from bender_worker_addon.core.tile import Picture, Region, cut, tiles_of
from tests.farm.programs import dying_server
from tests.farm.serving import Farm, Machine
from tests.faults.bare_worker import ON_A_FARM, PICTURE, STAGES, STEPS, TILE
from tools.servers.rabbitmq import RabbitNode

DYING_SERVER = Path(dying_server.__file__)
WORKERS = ("one", "two")
PARTS = cut(Region(0, 0, 640, 360), 2)
PICTURE_OF_FILM = Picture(Region(0, 0, 128, 128))
FRAMES = 5

_KILLED = 128 + 9
_NOT_IN_A_FIRST_LIFE = {"canceled", "avoided", "proving"}
_NOT_OF = {TILE: {"gathering"}, PICTURE: {"fetch_tile"}}
OF_WORKERS = [
    (kind, step)
    for kind, others in _NOT_OF.items()
    for step in STAGES | ON_A_FARM | STEPS
    if step not in _NOT_IN_A_FIRST_LIFE | others
]
"""Of what, a tile or the picture, and the step after which its worker is killed."""

OF_THE_SERVER = [f"after {step}" for step in dying_server.STEPS]
OF_THE_SERVER += [f"before {step}" for step, (_, _, counts) in dying_server.STEPS.items() if counts != "gives"]
OF_FILMS = [*OF_THE_SERVER, *(f"{when} {step}" for step in dying_server.OF_FILMS for when in ("before", "after"))]


def all_of_it(folder: Path, node: RabbitNode, amqp_url: str) -> int:
    """Gives how many moments were survived. Raises AssertionError for whatever was lost or left behind."""
    farm = Farm(folder, amqp_url, program=DYING_SERVER)
    try:
        jobs = kill_workers(farm, OF_WORKERS) + kill_server(farm, OF_THE_SERVER) + kill_broker(farm, node)
        films = kill_server(farm, OF_FILMS, film=True)
        check(farm, jobs)
        check_films(farm, films)
    finally:
        farm.close()
    return len(jobs) + len(films)


def kill_workers(farm: Farm, moments: Sequence[tuple[str, str]]) -> list[str]:
    """A job a moment, and a worker that dies then, after it has done what the one before has left; in the end all are
    finished. Gives the jobs."""
    jobs = [f"{kind}-{step}" for kind, step in moments]
    for number, (job, (kind, step)) in enumerate(zip(jobs, moments, strict=True)):
        farm.send(job, "1", tiles=len(PARTS))
        worker = farm.worker(WORKERS[number % 2], "--die", "after", step, "--of", job, kind)
        assert worker.exit_code() == _KILLED, f"{job}\n{worker.log.read_text()}"
    _let_all_end(farm, [farm.worker(name) for name in WORKERS], jobs)
    return jobs


def kill_server(farm: Farm, moments: Sequence[str], *, film: bool = False) -> list[str]:
    """The same of the server, which dies while a job is rendered or just when it comes. Of a `film` the last frames are
    cut meanwhile."""
    send = _send_film if film else _send_still
    jobs = [f"{'film' if film else 'server'}-{moment.replace(' ', '-')}" for moment in moments]
    workers = [farm.worker(name) for name in WORKERS]
    for job, moment in zip(jobs, moments, strict=True):
        with suppress(AssertionError):  # it may die before it says anything
            _start_again(farm, DIE=moment)
        with suppress(http.client.HTTPException, OSError):
            send(farm, job)
        assert farm.server.exit_code() == _KILLED, f"{moment}\n{farm.server.log.read_text()}"
        _start_again(farm)
        try:
            send(farm, job)
        except urllib.error.HTTPError as known:
            assert known.code == 409  # it has it already
        if film:
            farm.until_finished(job)  # another one that waits would leave no machine idle
    _let_all_end(farm, workers, jobs)
    return jobs


def kill_broker(farm: Farm, node: RabbitNode) -> list[str]:
    """RabbitMQ is killed while tiles are rendered, and while the picture is put together."""
    jobs = ["broker-at-tiles", "broker-at-pictures"]
    workers = [farm.worker(name) for name in WORKERS]
    for job, of_tiles in zip(jobs, (True, False), strict=True):
        farm.send(job, "1", tiles=len(PARTS), seconds=1.0)
        farm.until(lambda job=job, of=of_tiles: _is_at(farm, job, tiles=of), "work in hand")  # type: ignore[misc]
        node.kill()
        node.start()
    _let_all_end(farm, workers, jobs)
    return jobs


def check(farm: Farm, jobs: Sequence[str]) -> None:
    """Once no worker runs. Raises AssertionError for what is not there, or left."""
    for job in jobs:
        assert (farm.folder / "farm" / "frames" / job / "000001.png").read_bytes() == _content(1, PARTS), job
        assert farm.frames(job) == ["000001.png"]
        assert farm.status(job)["frames"] == {"Finished": 1}
    _nothing_is_left(farm)


def check_films(farm: Farm, jobs: Sequence[str]) -> None:
    """The same of films."""
    for job in jobs:
        names = [f"{number:06}.png" for number in range(1, FRAMES + 1)]
        assert farm.frames(job) == names
        for number, name in enumerate(names, start=1):
            content = (farm.folder / "farm" / "frames" / job / name).read_bytes()
            assert content in (_content(number), _content(number, tiles_of(PICTURE_OF_FILM, 4))), job
    assert sum(farm.status(job)["tiles"] for job in jobs) > len(jobs), "most were cut"
    _nothing_is_left(farm)


def _content(frame: int, parts: Sequence[Region] = ()) -> bytes:
    told = "".join(f" {(part.left, part.bottom, part.right, part.top)}" for part in parts)
    return b"\x89PNG\r\n\x1a\n" + f"PNG {frame}{told}".encode()


def _nothing_is_left(farm: Farm) -> None:
    with closing(sqlite3.connect(farm.folder / "farm" / "farm.sqlite")) as books:
        assert books.execute("SELECT DISTINCT status FROM task").fetchall() == [("Finished",)]
        for table in ("message", "fed"):
            assert books.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
    for name in WORKERS:
        with closing(sqlite3.connect(farm.folder / name / "journal.sqlite")) as journal:
            for table in ("report", "uploading"):
                assert journal.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def _send_still(farm: Farm, job: str) -> None:
    farm.send(job, "1", tiles=len(PARTS))


def _send_film(farm: Farm, job: str) -> None:
    """Its frames take long by their children's clock."""
    farm.send(job, f"1-{FRAMES}", tail=PICTURE_OF_FILM, ahead=100_000, seconds=0.05)


def _start_again(farm: Farm, **env: str) -> None:
    farm.server.end()
    farm.env = {name: value for name, value in farm.env.items() if name != "DIE"} | env
    farm.start()


def _let_all_end(farm: Farm, workers: Sequence[Machine], jobs: Sequence[str]) -> None:
    for job in jobs:
        farm.until_finished(job)
    folders = [farm.folder / "farm" / "jobs", *(farm.folder / name for name in WORKERS)]
    farm.until(lambda: not [path for folder in folders for path in folder.rglob("*.exr")], "the end of all tiles")
    for worker in workers:
        while "frames go to" not in worker.log.read_text():  # from then on it listens to signals
            time.sleep(0.05)
        assert worker.end() == 0, worker.log.read_text()


def _is_at(farm: Farm, job: str, *, tiles: bool) -> bool:
    shown = farm.status(job)
    in_hand = shown["frames"].get("Running", 0) if not tiles else any(one["of"] for one in shown["in_tiles"])
    return bool(in_hand)
