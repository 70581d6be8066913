# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the farm's server: one that runs on this machine's own queue, and somebody who asks it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from bender_worker_addon.server.serve import Server
from bender_worker_addon.settings.config import WorkerConfig
from tests.unit.support import DEADLINE, blend

SCENE = {"version": "4.3.2", "engine": "CYCLES", "width": 64, "height": 36, "scale": 100, "fps": 24, "step": 1}


@dataclass
class Client:
    """Asks the server over HTTP, with the people's key unless told otherwise."""

    server: Server
    folder: Path

    @property
    def base(self) -> str:
        return self.server.links.join.partition("/join/")[0]

    def ask(self, method: str, path: str, *, key: str | None = None, **more: Any) -> requests.Response:
        secret = self.server.links.key if key is None else key
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        headers |= more.pop("headers", {})
        return requests.request(method, self.base + path, headers=headers, timeout=DEADLINE, **more)

    def send(self, job: str = "job-1", *, frames: str = "1-3", **more: Any) -> requests.Response:
        """Sends a job with a small blend."""
        self.put(job)
        return self.tell(job, frames=frames, **more)

    def put(self, job: str) -> None:
        """Sends the blend of a job to be."""
        content = blend()
        put = self.ask(
            "PUT",
            f"/api/jobs/{job}/files/scene.blend",
            data=content,
            headers={"X-Blake2b": hashlib.blake2b(content).hexdigest()},
        )
        assert put.status_code == 201, put.text

    def tell(self, job: str, *, frames: str = "1-3", **more: Any) -> requests.Response:
        told = {"id": job, "name": job, "blend": "scene.blend", "frames": frames, "image_format": "PNG"}
        return self.ask("POST", "/api/jobs", data=json.dumps({**told, "scene": SCENE, **more}))

    def tasks(self, job: str = "job-1") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.folder / "jobs" / job / "data.json").read_text())["tasks"]
        return found

    def upload(
        self, job: str, task: str, name: str, content: bytes, *, preview: bytes | None = None, **told: Any
    ) -> requests.Response:
        fields = {"filesize": len(content), "filehash": hashlib.blake2b(content).hexdigest(), **told}
        files = {"file": (name, content)} | ({} if preview is None else {"preview": ("preview.jpg", preview)})
        return self.ask("POST", f"/job/{job}/{task}", data=fields, files=files)

    def upload_other(self, job: str, task: str, name: str, content: bytes, digest: str = "") -> requests.Response:
        headers = {"X-Blake2b": digest or hashlib.blake2b(content).hexdigest()}
        return self.ask("PUT", f"/job/{job}/{task}/other/{name}", data=content, headers=headers)

    def restart(self) -> None:
        """Ends the server and starts another, where it was."""
        port = int(self.base.rpartition(":")[2])
        self.server.close()
        self.server = _server(self.folder, port)

    def frame(self, name: str, job: str = "job-1") -> Path:
        return self.folder / "frames" / job / name


def _server(folder: Path, port: int = 0) -> Server:
    config = WorkerConfig(
        queue="local", farm_dir=folder, blendpath=folder / "jobs", outpath=folder / "frames", id="farm"
    )
    return Server(config, host="127.0.0.1", port=port)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    farm = tmp_path / "farm"
    made = Client(_server(farm), farm)
    yield made
    made.server.close()
