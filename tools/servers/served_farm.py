# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm of several machines on this one: `bender-farm.pyz` with a RabbitMQ of its own, and workers that have joined it
and share no folder with it. Gone when it is left.

with ServedFarm(blender, env, folder=folder) as farm:
    print(farm.page)
    for number in (1, 2, 3):
        farm.start_worker(f"worker-{number}", log=log)
    farm.submit(blend, job="job-a", frames="1-24")
    for task in farm.follow(patience=60):
        ...
    farm.fetch("job-a", frames)
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

from bender_worker_addon.farm.books import OVER
from bender_worker_addon.farm.database import Database
from tools.build import pyz
from tools.errors import ToolError
from tools.leash import Leashed
from tools.process import last_lines
from tools.servers import rabbitmq
from tools.servers.worker import Worker

_LOOK = 0.05  # seconds between two looks at what has changed
_START = 150.0  # seconds until the server answers: it starts a RabbitMQ first
_COMMAND = 180.0  # seconds that a command may take
DESK = "desk"  # the machine that sends jobs and fetches their frames
_SIGN_OF_LIFE = "2"  # seconds between two: the page is to be looked at


class ServedFarm:
    """`blender` has the add-on when it is run with `env`. `folder` is for the data of all its machines; `page` is the
    link to look at it, `log` what its server says."""

    def __init__(self, blender: Path, env: Mapping[str, str], *, folder: Path) -> None:
        self._blender = blender
        self._env = {name: value for name, value in env.items() if not name.startswith("BENDER_WORKER_")}
        self._folder = folder
        self._stack = ExitStack()
        self._joined: set[str] = set()
        self.log = folder / "server.log"

    def __enter__(self) -> Self:
        with self._stack:
            self._start()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def port(self) -> int:
        """The server's."""
        return int(self._link.partition("/join/")[0].rpartition(":")[2])

    @property
    def process(self) -> int:
        """The server's."""
        return self._server.program

    @property
    def folder(self) -> Path:
        """That of the server."""
        return self._folder / "farm"

    @property
    def jobs(self) -> Path:
        """The folder of its jobs."""
        return self.folder / "jobs"

    def link_by(self, port: int) -> str:
        """By which a machine joins that reaches it through another port."""
        return self._link.replace(f":{self.port}/", f":{port}/")

    def url_by(self, port: int) -> str:
        """As `bender_url`, for a person, through another port."""
        place, _, key = self.page.partition("/#key=")
        return f"http://person:{key}@{place.partition('://')[2].rpartition(':')[0]}:{port}"

    def join(self, name: str, link: str = "") -> None:
        """Lets a machine join, by the server's own link unless another is given. Raises ToolError."""
        if name not in self._joined:
            self._command(name, "join", link or self._link, "--yes")
            self._joined.add(name)

    def start_worker(self, name: str, *, log: Path) -> Worker:
        self.join(name)
        worker = Worker(self._blender, (), env=self.environment_of(name), log=log)
        self._stack.callback(worker.end)
        return worker

    def submit(self, blend: Path, *, job: str, frames: str, split: int | str = 0) -> None:
        """Sends a job from a machine of its own, each frame in so many tiles if told so, or "auto". Raises
        ToolError."""
        self.join(DESK)
        words = ["--split", str(split)] if split else []
        self._command(DESK, "submit", blend, "--job", job, "--frames", frames, *words)

    def fetch(self, job: str, folder: Path) -> None:
        """Brings a job's frames. Raises ToolError."""
        self._command(DESK, "fetch", job, "--to", folder)

    def follow(self, *, patience: float) -> Iterator[dict[str, Any]]:
        """Every task, with its `worker`, as often as something of it has changed, until all are over. Raises ToolError
        if nothing does for `patience` seconds."""
        known: dict[str, tuple[str, str]] = {}
        changed = time.monotonic()
        with closing(Database(self.folder)) as database:
            while True:
                with database.looking() as connection:
                    rows = connection.execute("SELECT id, body, coalesce(worker, '') FROM task").fetchall()
                    statuses = {row[0] for row in connection.execute("SELECT status FROM job")}
                news = [(body, worker) for task, body, worker in rows if known.get(task) != (body, worker)]
                known = {task: (body, worker) for task, body, worker in rows}
                yield from ({**json.loads(body), "worker": worker} for body, worker in news)
                if statuses <= OVER:
                    return
                changed = time.monotonic() if news else changed
                if self._server.ended() or time.monotonic() > changed + patience:
                    raise ToolError(f"Nothing happens any more. The end of {self.log}:\n{last_lines(self.log, 12)}")
                time.sleep(_LOOK)

    def _start(self) -> None:
        """Raises ToolError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        words: list[str | Path] = ["serve", "--port", "0", "--json", "--blender", self._blender]
        words += ["--farm-dir", self.folder]
        env = {"PATH": f"{self._programs()}{os.pathsep}{os.environ['PATH']}", "HOME": str(self._folder)}
        self._server = Leashed(
            [sys.executable, "-I", pyz.build(folder=self._folder), *words], env=env, log=self.log, orphans=True
        )
        self._stack.callback(self._server.end)
        deadline = time.monotonic() + _START
        while not (links := self._links()):
            if self._server.ended() or time.monotonic() > deadline:
                raise ToolError(f"The farm's server did not start. Its last words:\n{last_lines(self.log, 12)}")
            time.sleep(_LOOK)
        self.page, self._link = links["page"], links["join"]

    def _links(self) -> dict[str, str]:
        """What the server prints first; nothing until it has."""
        lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True) if self.log.exists() else []
        found = next((line for line in lines if line.startswith("{") and line.endswith("\n")), "{}")
        links: dict[str, str] = json.loads(found)
        return links

    def _programs(self) -> Path:
        """A folder with RabbitMQ's, which are made if this machine has none."""
        found = rabbitmq.programs()
        folder = self._folder / "programs"
        folder.mkdir()
        for name, program in (("rabbitmq-server", found.server), ("epmd", found.epmd)):
            (folder / name).symlink_to(program)
        return folder

    def _command(self, name: str, *words: str | Path) -> None:
        command = [self._blender, "--command", "bender_worker", *words]
        done = subprocess.run(command, env=self.environment_of(name), capture_output=True, text=True, timeout=_COMMAND)
        if done.returncode:
            raise ToolError(f"`{words[0]}` failed on {name}:\n{(done.stderr or done.stdout).strip()}")

    def environment_of(self, name: str) -> dict[str, str]:
        """That of a machine of that name."""
        settings = {"DATA_DIR": str(self._folder / name), "ID": name, "HEART_RATE_SECONDS": _SIGN_OF_LIFE}
        return self._env | {f"BENDER_WORKER_{key}": value for key, value in settings.items()}
