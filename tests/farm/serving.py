# SPDX-License-Identifier: GPL-3.0-or-later
"""Serving: a farm of many machines for tests: a real server, and workers that have joined it, each a process with a
folder of its own; the workers' Blender is the stand-in child."""

import hashlib
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bender_worker_addon.core.tile import Picture, Region, cut
from tests.faults.yard import PROGRAM as WORKER
from tests.unit.support import blend
from tools.leash import Leashed

SERVER = Path(__file__).parent / "programs" / "farm_server.py"
OLD_WORKER = SERVER.with_name("old_worker.py")
PATIENCE = 90.0
OWN = "own"
SCENE = {"version": "4.3.2", "engine": "CYCLES", "width": 64, "height": 36, "scale": 100, "fps": 24, "step": 1}


class Machine:
    """A program that runs with a folder of its own, and what it prints."""

    def __init__(self, folder: Path, command: list[str], env: Mapping[str, str], program: str = sys.executable) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"output-{len(list(folder.glob('output-*')))}.log"
        home = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self._process = Leashed([program, *command], env={**home, **env}, log=self.log)

    def line(self) -> str:
        """Its first line that is JSON."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            lines = self.log.read_text().splitlines() if self.log.exists() else []
            for line in lines:
                if line.startswith("{"):
                    return line
            assert not self._process.ended(), self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def ended(self) -> bool:
        return self._process.ended()

    def exit_code(self) -> int | None:
        """Once it has ended by itself."""
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> int | None:
        """Gives its exit code."""
        if self._process.ended():
            self._process.kill()  # what it may have left behind
        else:
            self._process.end()
        return self._process.wait(PATIENCE)


class Farm:
    """The server, what it is asked, and machines that have joined it. Without an `amqp_url` it is on a local queue;
    with OWN on a RabbitMQ of its own, if one is found on PATH."""

    def __init__(
        self,
        folder: Path,
        amqp_url: str = "",
        *options: str,
        program: Path = SERVER,
        python: str | Path = sys.executable,
        **env: str,
    ) -> None:
        """`program` runs the server, in `python`; `options` are more of `serve`, `env` is for it besides."""
        self.folder = folder
        self._options = options
        queue = {"BENDER_WORKER_AMQP_URL": amqp_url} if amqp_url else {"BENDER_WORKER_QUEUE": "local"}
        self.env = {**({} if amqp_url == OWN else queue), **env}
        self._program = program
        self._python = str(python)
        self._machines: list[Machine] = []
        self.tokens: dict[str, str] = {}  # by worker
        self.amqp_urls: dict[str, str] = {}  # the same
        self.port = 0
        self.start()

    def start(self) -> None:
        folder = str(self.folder / "farm")
        options = ["serve", "--port", str(self.port), "--json", "--farm-dir", folder, *self._options]
        command = [str(self._program), *options]
        self.server = Machine(self.folder / "server", command, self.env, program=self._python)
        self._machines.append(self.server)
        links = json.loads(self.server.line())
        self.key, self.join = links["key"], links["join"]
        self.base = self.join.partition("/join/")[0]
        self.port = int(self.base.rpartition(":")[2])

    def restart(self, program: Path) -> None:
        """As another program."""
        self.server.end()
        self._program = program
        self.start()

    def worker(self, name: str, *options: str, **more: str) -> Machine:
        """`options` of its command line, `more` of its environment."""
        settings = self.ask("POST", "/join/" + self.join.rpartition("/")[2], {"name": name, "id": name})
        self.tokens[name] = settings["bender_url"].partition("://worker:")[2].partition("@")[0]
        self.amqp_urls[name] = settings["amqp_url"]
        env = {
            "BENDER_WORKER_ID": name,
            "BENDER_WORKER_DATA_DIR": str(self.folder / name),
            "BENDER_WORKER_HEART_RATE_SECONDS": "1",
            "BENDER_WORKER_AMQP_URL": settings["amqp_url"],
            "BENDER_WORKER_BENDER_URL": settings["bender_url"],
            **more,
        }
        machine = Machine(self.folder / name, [str(WORKER), "--look-at-blends", "1", *options], env)
        self._machines.append(machine)
        return machine

    def old_worker(self, tasks: int) -> Machine:
        settings = self.ask("POST", "/join/" + self.join.rpartition("/")[2], {"name": "old"})
        env = {"AMQP_URL": settings["amqp_url"], "BENDER_URL": settings["bender_url"]}
        machine = Machine(self.folder / "old", [str(OLD_WORKER), str(tasks)], env)
        self._machines.append(machine)
        return machine

    def content(self, path: str) -> bytes:
        request = urllib.request.Request(self.base + path, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def text(self, path: str) -> str:
        return self.content(path).decode()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        all_headers = {"Authorization": f"Bearer {self.key}", **headers}
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=all_headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def send(
        self,
        job: str,
        frames: str,
        *,
        chunk: int = 1,
        content: bytes = b"",
        tiles: int = 0,
        one_kind: bool = False,
        tail: Picture | None = None,
        **scene: Any,
    ) -> None:
        """`content` is a real blend's; else `scene` is for the stand-in child. `tiles`: so many of each frame; `tail`:
        what each frame is, if the last ones may be cut."""
        content = content or blend(record=self.folder / "renders.txt", **scene)
        digest = hashlib.blake2b(content).hexdigest()
        self.ask("PUT", f"/api/jobs/{job}/files/scene.blend", content, **{"X-Blake2b": digest})
        regions = [str(region) for region in cut(Region(0, 0, 640, 360), tiles)] if tiles else []
        facts = {"scene": SCENE, "chunk": chunk, "regions": regions, "one_kind": one_kind}
        facts |= {"tail": str(tail or "")}
        told = {"id": job, "name": job, "blend": "scene.blend", "frames": frames, "image_format": "PNG", **facts}
        self.ask("POST", "/api/jobs", told)

    def status(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/api/jobs/{job}")
        return found

    def until_finished(self, job: str) -> None:
        self.until(lambda: self.status(job)["status"] == "Finished", f"the end of {job}")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come\n{self.server.log.read_text()}"
            time.sleep(0.1)

    def data_json(self, job: str) -> dict[str, Any]:
        """As bender's own parts read it, once it says that the job is finished: it follows the books."""
        path = self.folder / "farm" / "jobs" / job / "data.json"
        deadline = time.monotonic() + PATIENCE
        while (found := json.loads(path.read_text()))["status"] != {"Job": "Finished"}:
            assert time.monotonic() < deadline, found["status"]
            time.sleep(0.1)
        return dict(found)

    def frames(self, job: str) -> list[str]:
        return sorted(path.name for path in (self.folder / "farm" / "frames" / job).iterdir())

    def close(self) -> None:
        for machine in reversed(self._machines):
            machine.end()
