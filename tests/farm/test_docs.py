# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation: every command that a test can run is run, in its order, and does what is said."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bender_worker_addon.settings.config import settings
from tests.farm.farmyard import Farm
from tests.farm.ground import eventually
from tests.farm.process import DEADLINE
from tests.farm.test_configure import OLD
from tools.build import package
from tools.leash import Leashed
from tools.places import PROJECT
from tools.servers.farm import make_task, publish_tasks

if TYPE_CHECKING:
    from tests.conftest import Installed

DOCS = PROJECT / "docs"
COMMANDS = PROJECT / "bender_worker_addon" / "blender" / "commands"
NOT_HERE = ("useradd", "sudo", "cp", "systemctl", "launchctl", "schtasks", "ufw", "firewall-cmd")


def blocks(name: str, kind: str = "sh") -> Iterator[str]:
    text = (DOCS / name).read_text(encoding="utf-8")
    for indent, block in re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", text, flags=re.M | re.S):
        yield re.sub(rf"^{indent}", "", block, flags=re.M)


class Reader:
    """Somebody who follows the documentation in one shell, with the farm's programs and hosts in place of hers."""

    def __init__(self, farm: Farm, folder: Path) -> None:
        self.folder = folder
        self._farm = farm
        programs = folder / "bin"
        programs.mkdir()
        ctl, env = farm.rabbit.ctl_command()
        own = {name: value for name, value in env.items() if name.startswith(("RABBITMQ_", "ERL_")) or name == "HOME"}
        assignments = [f"{name}={shlex.quote(value)}" for name, value in own.items()]
        self._program("rabbitmqctl", ["env", *assignments, str(ctl), "--quiet"])
        self._program("blender", [str(farm.blender)])
        inherited = {name: value for name, value in farm.environment().items() if not name.startswith("BENDER_WORKER_")}
        self._env = inherited | {
            "PATH": f"{programs}{os.pathsep}{inherited['PATH']}",
            "BENDER_WORKER_DATA_DIR": str(folder / "data"),
            "BENDER_WORKER_DISKLIMIT": "0",
        }

    def follow(self, block: str) -> str:
        """What the commands print; fails if one does. What a block exports holds for those after it."""
        here = block.replace("rabbit.farm.lan:5672", f"127.0.0.1:{self._farm.rabbit.port}")
        here = here.replace("http://flask.farm.lan:8000", self._farm.server.url)
        if exported := re.match(r"export (\w+)=(\S+)\n$", here):
            self._env[exported[1]] = exported[2]
            return ""
        shell = ["sh", "-eu", "-c", here]
        run = subprocess.run(shell, env=self._env, cwd=self.folder, capture_output=True, text=True, timeout=100)
        assert run.returncode == 0, f"{here}\n{run.stdout}\n{run.stderr}"
        return run.stdout + run.stderr

    def _program(self, name: str, command: list[str]) -> None:
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/sh\nexec {" ".join(command)} "$@"\n')
        path.chmod(0o755)


def test_a_farm_set_up_as_it_is_written_renders(farm: Farm, blend: Path, tmp_path: Path) -> None:
    reader = Reader(farm, tmp_path)
    job = farm.job(blend)
    url = f"amqp://bender:secret@127.0.0.1:{farm.rabbit.port}/bender"
    told = {}
    for block in blocks("by-hand.md"):
        if "--max-tasks" in block:
            publish_tasks(url, [make_task(job, [1])])
        told[block] = reader.follow(block)
    assert any("good   RabbitMQ" in words for words in told.values())
    assert [upload.filename for upload in farm.server.uploads if upload.whole] == ["000001.png"]
    queues = farm.rabbit.ctl("list_queues", "-p", "bender", "name", "type", "policy")
    assert re.search(r"^work\s+(rabbit_quorum_queue|quorum)\s.*dead", queues, flags=re.M)
    assert re.search(r"^dead\s", queues, flags=re.M)
    publish_tasks(url, [b"no task"])
    reader.follow("blender --command bender_worker run --max-tasks 1\n")
    assert re.search(r"^dead\s+1$", farm.rabbit.ctl("list_queues", "-p", "bender", "name", "messages"), flags=re.M)


class Studio:
    """A farm's machine and another one, on which somebody does what stands in farm.md; a third has no add-on yet."""

    def __init__(self, installed: "Installed", folder: Path, amqp_url: str) -> None:
        """RabbitMQ is named: the tests' Blender sees no programs of the machine that could run one."""
        self.folder = folder
        self._amqp_url = amqp_url
        self._stack = ExitStack()
        self._bin = folder / "bin"
        self._bin.mkdir()
        (self._bin / "blender").symlink_to(installed.blender)
        self._installed = installed.env
        self._server: Leashed | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._id = ""

    def follow(self, block: str) -> str:
        return "".join(self._do(line) for line in block.splitlines())

    def close(self) -> None:
        self._stack.close()

    def _do(self, line: str) -> str:
        words = line.replace("0.0.0.0", f"127.0.0.1 --port {self._port}").replace("DNS:HOST", "IP:127.0.0.1")
        words = words.replace("HOST:8000", f"127.0.0.1:{self._port}").replace(
            "FARM", str(self.folder / "server" / "farm")
        )
        words = words.replace("/join/CODE", self._said("/join/")).replace("--revoke ID", f"--revoke {self._id}")
        if " serve --host" in line:
            return self._serve(words)
        if line.endswith(" run"):
            self._start(words, "worker")
            return ""
        if line.startswith("tar"):
            self._stop()
        where = "new" if "--command extension" in line else "server" if " serve " in line else "worker"
        done = subprocess.run(
            ["bash", "-euc", words], env=self._env(where), cwd=self.folder, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        if line.endswith("--joined"):
            self._id = re.findall(r"^  (\w+) .*\(worker", done.stdout, flags=re.M)[0]
        return done.stdout + done.stderr

    def _serve(self, words: str) -> str:
        self._stop()
        (self.folder / "server.log").unlink(missing_ok=True)
        self._server = server = self._start(words, "server")
        eventually(lambda: bool(self._said("/join/")) or server.ended())
        said = (self.folder / "server.log").read_text()
        assert not server.ended(), said
        return said

    def _stop(self) -> None:
        if self._server is not None:
            self._server.end()
            assert self._server.wait(DEADLINE) == 0, (self.folder / "server.log").read_text()
            self._server = None

    def _start(self, words: str, where: str) -> Leashed:
        process = Leashed(
            ["env", "-C", self.folder, *shlex.split(words)], env=self._env(where), log=self.folder / f"{where}.log"
        )
        self._stack.callback(process.kill)
        return process

    def _said(self, beginning: str) -> str:
        """What the server has printed from there on."""
        log = self.folder / "server.log"
        found = re.search(rf"{beginning}\S+", log.read_text()) if log.exists() else None
        return found[0] if found else ""

    def _env(self, where: str) -> dict[str, str]:
        own = self._installed if where != "new" else package.environment_of(self.folder / "new")
        kept = {name: value for name, value in own.items() if not name.startswith("BENDER_WORKER_")}
        settings = {"BENDER_WORKER_DATA_DIR": str(self.folder / where), "BENDER_WORKER_DISKLIMIT": "0"}
        settings |= {"BENDER_WORKER_AMQP_URL": self._amqp_url} if where == "server" else {}
        return {**kept, **settings, "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}"}


def test_a_farm_of_many_machines_is_made_used_and_guarded_as_it_is_written(
    installed: "Installed", blend: Path, tmp_path: Path, amqp_url: str
) -> None:
    shutil.copy(blend, tmp_path / "shot.blend")
    studio = Studio(installed, tmp_path, amqp_url)
    try:
        told = [studio.follow(block) for block in blocks("farm.md")]
    finally:
        studio.close()
    served, joined, jobs, _, _, members, asked, secure, again, _ = told
    assert "The farm's page is at http://" in served
    assert "This machine has joined the farm" in joined
    assert "2 of 2 frames" in jobs
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == ["000001.png", "000002.png"]
    assert "no access to the farm any more" in members
    (job,) = json.loads(asked[asked.index("[{") : asked.rindex("}]") + 2])
    assert (job["id"], job["status"]) == ("shot", "Finished")
    assert "The farm's page is at https://" in secure
    assert "This machine has joined the farm" in again
    with tarfile.open(tmp_path / "backup.tar.gz") as backup:
        names = backup.getnames()
    assert {"./farm.sqlite", "./key", "./jobs/shot/data.json", "./frames/shot/000002.png"} <= set(names)
    assert [name for name in names if re.fullmatch(r"\./jobs/shot/[^/]+\.blend", name)]


def test_moving_from_bender_worker_is_as_it_is_written(farm: Farm, tmp_path: Path) -> None:
    reader = Reader(farm, tmp_path)
    old = OLD.replace("http://0.0.0.0:8000", farm.server.url)
    (tmp_path / "old-config.toml").write_text(old)
    reader.follow(f"export BENDER_WORKER_AMQP_URL={farm.url}\n")
    told = "".join(reader.follow(block) for block in blocks("moving.md"))
    assert "5d7a1bd2" in told
    assert "upload = auto" in told
    assert (tmp_path / "old-config.toml").read_text() == old


@pytest.mark.parametrize("name", [path.name for path in sorted(DOCS.glob("*.md"))])
def test_what_is_not_run_is_what_only_the_system_itself_can_do(name: str) -> None:
    for block in blocks(name, "console"):
        for line in block.splitlines():
            assert line.split()[1] in NOT_HERE
    fences = re.findall(r"^ *```(\w*)$", (DOCS / name).read_text(encoding="utf-8"), flags=re.M)
    assert set(fences) <= {"", "sh", "console", "json"}


@pytest.mark.parametrize("path", [PROJECT / "README.md", PROJECT / "SECURITY.md", *sorted(DOCS.glob("*.md"))], ids=str)
def test_what_is_linked_is_there(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_every_setting_and_every_command_is_documented() -> None:
    told = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert [setting.name for setting in settings() if f"`{setting.name}`" not in told] == []
    told = (DOCS / "commands.md").read_text(encoding="utf-8")
    words = re.findall(r'^NAME = "(\w+)"', "\n".join(path.read_text() for path in COMMANDS.glob("*.py")), flags=re.M)
    assert len(words) > 15
    assert [word for word in words if f"`{word}" not in told] == []
