# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm with two versions of Blender, real ones. Whole frames go to both; a picture in tiles is one version's, its
tiles and what is made of them, and if that version is there no more, it is the other's, all of it.

`python3 build.py chaos --tiles` runs it too.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.farm import pictures
from tests.farm.programs import dying_server
from tests.farm.serving import Farm, Machine
from tools.blenders import blenders
from tools.build import package

VERSIONS = OLD, NEW = (blenders.DEFAULT, "5.2")
ALIVE = "6"  # seconds after which a worker that is not heard is gone; it is heard every second
FRAME = "000002.png"


class Yard:
    """Both Blenders have the add-on, and have joined the farm."""

    def __init__(self, farm: Farm, folder: Path) -> None:
        self.farm, self.folder = farm, folder
        self.blenders = {version: blenders.find(version=version) for version in VERSIONS}
        self._env = {version: dict(self._settings(version)) for version in VERSIONS}
        self._running: list[Machine] = []

    def _settings(self, version: str) -> Iterator[tuple[str, str]]:
        blender, own = self.blenders[version], self.folder / version
        own.mkdir()
        yield from package.install(blender, package.build(blender, folder=own), own / "user").items()
        joined = self.farm.ask("POST", "/join/" + self.farm.join.rpartition("/")[2], {"name": version, "id": version})
        told = {"id": version, "data_dir": str(own), "disklimit": "0", "heart_rate_seconds": "1"}
        for name, value in (told | {name: joined[name] for name in ("amqp_url", "bender_url")}).items():
            yield f"BENDER_WORKER_{name.upper()}", value

    def does(self, version: str, *words: str | Path) -> Machine:
        command = ["--command", "bender_worker", *map(str, words)]
        self._running.append(
            Machine(self.folder / version, command, self._env[version], program=str(self.blenders[version]))
        )
        return self._running[-1]

    def sends(self, version: str, blend: Path, job: str, frames: str, *options: str) -> None:
        sending = self.does(version, "submit", blend, "--job", job, "--frames", frames, *options)
        assert sending.exit_code() == 0, sending.log.read_text()

    def renders_it_so(self, version: str, blend: Path, job: str) -> bool:
        """Whether the job's picture is what this Blender makes of it, value by value."""
        folder = self.folder / f"{job}-by-{version}"
        folder.mkdir()
        plain = pictures.plainly_rendered(self.blenders[version], blend, [int(FRAME[:6])], folder=folder)
        pair = self.farm.folder / "farm" / "frames" / job / FRAME, plain[0]
        return pictures.compare(self.blenders[version], [pair], scratch=folder)[0].different == 0

    def workers(self, job: str) -> set[str]:
        with closing(sqlite3.connect(self.farm.folder / "farm" / "farm.sqlite")) as books:
            return {worker for (worker,) in books.execute("SELECT worker FROM task WHERE job = ?", (job,))}

    def close(self) -> None:
        for machine in self._running:
            machine.end()


def all_of_it(folder: Path, amqp_url: str) -> None:
    """Raises AssertionError for a picture that is of both, or of the wrong one."""
    farm = Farm(folder, amqp_url, program=Path(dying_server.__file__), ALIVE=ALIVE)
    yard = Yard(farm, folder)
    try:
        blend = folder / "still.blend"
        pictures.run_script(yard.blenders[OLD], "still.py", blend)
        _of_one_of_two(yard, blend)
        _of_the_one_that_is_left(yard, blend)
    finally:
        yard.close()
        farm.close()


def _of_one_of_two(yard: Yard, blend: Path) -> None:
    both = [yard.does(version, "run", "--renderers", "1") for version in VERSIONS]
    yard.farm.until(lambda: _waiting(yard.farm) == 2, "both")
    yard.sends(OLD, blend, "of-one", "2", "--split", "3")
    yard.sends(OLD, blend, "of-both", "1-12")
    for job in ("of-one", "of-both"):
        yard.farm.until_finished(job)
    assert yard.workers("of-one") == {OLD}
    assert yard.workers("of-both") == set(VERSIONS)
    assert yard.renders_it_so(OLD, blend, "of-one")
    assert not yard.renders_it_so(NEW, blend, "of-one")  # else this shows nothing
    for machine in both:
        assert machine.end() == 0, machine.log.read_text()


def _of_the_one_that_is_left(yard: Yard, blend: Path) -> None:
    yard.sends(OLD, blend, "of-the-other", "2", "--split", "3")
    goes = yard.does(OLD, "run", "--renderers", "1", "--max-tasks", "1")
    assert goes.exit_code() == 0, goes.log.read_text()
    assert yard.farm.status("of-the-other")["in_tiles"] == [{"frame": 2, "done": 1, "of": 3}]
    stays = yard.does(NEW, "run", "--renderers", "1")
    yard.farm.until_finished("of-the-other")
    assert yard.workers("of-the-other") == {NEW}
    assert yard.renders_it_so(NEW, blend, "of-the-other")
    assert stays.end() == 0, stays.log.read_text()


def _waiting(farm: Farm) -> int:
    states = [json.dumps(one["hello"]) for one in farm.ask("GET", "/api/workers") if one["hello"]]
    return sum('"Waiting"' in state for state in states)
