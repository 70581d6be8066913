# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm on this machine without any server: the add-on's own queue, and workers. Gone when it is left.

with LocalFarm(blender, env, folder=folder, outpath=frames) as farm:
    farm.submit(blend, job="job-a", frames="1-24")
    worker = farm.start_worker("--max-tasks", "24", log=log)
    for task in farm.follow(worker, patience=60):
        ...
"""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

from bender_worker_addon.farm.database import Database
from tools.errors import ToolError
from tools.servers.worker import Worker

_LOOK = 0.03  # seconds between two looks at what has changed
_SUBMIT = 120.0  # seconds that sending a job may take


class LocalFarm:
    """`blender` has the add-on when it is run with `env`. `folder` is for the farm's and its workers' data."""

    def __init__(self, blender: Path, env: Mapping[str, str], *, folder: Path, outpath: Path) -> None:
        self._blender = blender
        self._env = {name: value for name, value in env.items() if not name.startswith("BENDER_WORKER_")}
        self._env |= {"BENDER_WORKER_DATA_DIR": str(folder), "BENDER_WORKER_OUTPATH": str(outpath)}
        self._folder = folder / "farm"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def submit(self, blend: Path, *, job: str, frames: str, split: int = 0) -> None:
        """Sends a job, each frame in so many tiles if told so. Raises ToolError."""
        words: list[str | Path] = ["submit", blend, "--job", job, "--frames", frames]
        words += ["--split", str(split)] if split else []
        command = [self._blender, "--command", "bender_worker", *words]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=_SUBMIT)
        if done.returncode:
            raise ToolError(f"The job could not be sent:\n{done.stderr.strip()}")

    def start_worker(self, *options: str, log: Path) -> Worker:
        worker = Worker(self._blender, options, env=self._env, log=log)
        self._stack.callback(worker.end)
        return worker

    def follow(self, worker: Worker, *, patience: float) -> Iterator[dict[str, Any]]:
        """Every task as often as something of it has changed, until the worker has ended. Raises ToolError if nothing
        does for `patience` seconds."""
        known: dict[str, str] = {}
        changed = time.monotonic()
        with closing(Database(self._folder)) as database:
            while True:
                ended = worker.ended()
                with database.looking() as connection:
                    tasks = dict(connection.execute("SELECT id, body FROM task").fetchall())
                news = [body for task, body in tasks.items() if known.get(task) != body]
                known = tasks
                yield from map(json.loads, news)
                if ended:
                    return
                changed = time.monotonic() if news else changed
                if time.monotonic() > changed + patience:
                    raise ToolError(f"Nothing has happened for {patience:g} s. {worker.last_words()}")
                time.sleep(_LOOK)
