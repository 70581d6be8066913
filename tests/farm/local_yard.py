# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm on this machine for one test: no RabbitMQ, no flaskbender; its command line, and workers on demand."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.farm.process import DEADLINE, WorkerProcess


class LocalYard:
    """`folder` holds the farm's folder and what its workers keep."""

    def __init__(self, *, blender: Path, env: Mapping[str, str], folder: Path) -> None:
        """`blender` has the add-on when it is run with `env`."""
        self.blender, self.folder = blender, folder
        self._env = {name: value for name, value in env.items() if not name.startswith("BENDER_")}
        self._workers: list[WorkerProcess] = []

    def environment(self, **settings: object) -> dict[str, str]:
        chosen = {"farm_dir": self.folder / "farm", "data_dir": self.folder / "data", "disklimit": 0} | settings
        return self._env | {f"BENDER_WORKER_{name.upper()}": str(value) for name, value in chosen.items()}

    def command(self, *words: str | Path, **settings: object) -> subprocess.CompletedProcess[str]:
        """What `blender --command bender_worker` says to these words."""
        command = [self.blender, "--command", "bender_worker", *words]
        env = self.environment(**settings)
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)

    def submit(self, blend: Path, *options: str, **settings: object) -> str:
        """Sends a job; gives its id."""
        told = self.command("submit", blend, "--json", *options, **settings)
        assert told.returncode == 0, told.stdout + told.stderr
        job: str = answer(told)["job"]
        return job

    def show(self, job: str) -> dict[str, Any]:
        return answer(self.command("show", job, "--json"))

    def data_json(self, job: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / "farm" / "jobs" / job / "data.json").read_text())
        return data

    def frame(self, job: str, name: str) -> Path:
        return self.folder / "farm" / "frames" / job / name

    def frames(self, job: str) -> list[str]:
        folder = self.folder / "farm" / "frames" / job
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def worker(self, *options: str, **settings: object) -> WorkerProcess:
        """Starts a worker, which ends when it has nothing to do."""
        words = [
            str(self.blender),
            "--command",
            "bender_worker",
            "run",
            "--verbose",
            *(options or ("--idle-exit", "1")),
        ]
        worker = WorkerProcess(words, env=self.environment(**settings))
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.end()


def answer(told: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The line of JSON among what Blender says."""
    said: dict[str, Any] = json.loads(next(line for line in told.stdout.splitlines() if line.startswith("{")))
    return said
