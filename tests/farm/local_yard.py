# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm on this machine for one test: no RabbitMQ, no flaskbender; its command line, and workers on demand."""

import json
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewJob, SceneFacts
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites.site import Site, site
from tests.farm.ground import Ground

FILE = "scene.blend"
SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=64, height=36, scale=100, fps=24, step=1)
IDLE = ("--idle-exit", "1")  # ends when there is nothing to do


class LocalYard(Ground):
    """`folder` holds the farm's folder and what its workers keep."""

    def __init__(self, *, blender: Path, env: Mapping[str, str], folder: Path) -> None:
        """`blender` has the add-on when it is run with `env`."""
        super().__init__(blender=blender, env=env, folder=folder, outpath=folder / "farm" / "frames")
        self._site: Site | None = None

    def _begin(self, stack: ExitStack) -> None:
        """There are no servers."""

    @property
    def site(self) -> Site:
        """The farm as one who sends jobs sees it."""
        if self._site is None:
            config = resolve(data_dir=self.folder / "data", environment=self.environment(), options={}).config
            self._site = self._stack.enter_context(site(config))
        return self._site

    def environment(self, **settings: object) -> dict[str, str]:
        chosen = {"farm_dir": self.folder / "farm", "data_dir": self.folder / "data", "disklimit": 0} | settings
        return self._env | {f"BENDER_WORKER_{name.upper()}": str(value) for name, value in chosen.items()}

    def submit(self, blend: Path, *options: str, **settings: object) -> str:
        """Sends a job; gives its id."""
        told = self.command("submit", blend, "--json", *options, **settings)
        assert told.returncode == 0, told.stdout + told.stderr
        job: str = answer(told)["job"]
        return job

    def send(self, blend: bytes | Path, frames: Sequence[int], *, chunk: int = 1, job_id: str = "") -> str:
        """Sends a job as it is, without a Blender that would pack it; gives its id."""
        job_id = job_id or uuid.uuid4().hex
        job = NewJob(
            name="a job",
            blend=FILE,
            frames=frames,
            chunk=chunk,
            image_format="PNG",
            scene=SCENE,
            colors="blender",
            id=job_id,
        )
        with self.site.room_for(job.id) as folder:
            (folder / job.blend).write_bytes(blend if isinstance(blend, bytes) else blend.read_bytes())
            self.site.send(job)
        return job.id

    def frame(self, job_id: str, name: str) -> Path:
        """Where the job has its own folder; else where its worker puts all."""
        own = Path(self.data_json(job_id)["paths"]["frames"])
        return own / name if own.is_dir() else super().frame(job_id, name)

    def frames(self, job_id: str) -> list[str]:
        folder = self.frame(job_id, "")
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def left(self) -> int:
        """How many tasks are in the queue or held by workers."""
        with closing(Database(self.folder / "farm")) as database, database.looking() as connection:
            return int(connection.execute("SELECT count(*) FROM message").fetchone()[0])

    def show(self, job: str, **settings: object) -> dict[str, Any]:
        return answer(self.command("show", job, "--json", **settings))

    def data_json(self, job: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / "farm" / "jobs" / job / "data.json").read_text())
        return data


def answer(told: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The line of JSON among what Blender says."""
    said: dict[str, Any] = json.loads(next(line for line in told.stdout.splitlines() if line.startswith("{")))
    return said
