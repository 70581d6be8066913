# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation: every command that a test can run is run, in its order, and does what is said."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.settings.config import settings
from tests.farm.farmyard import Farm
from tests.farm.test_configure import OLD
from tools.places import PROJECT
from tools.servers.farm import make_task, publish_tasks

DOCS = PROJECT / "docs"
COMMANDS = PROJECT / "bender_worker_addon" / "blender" / "commands"
NOT_HERE = ("useradd", "sudo", "cp", "systemctl", "launchctl", "schtasks")


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
    for block in blocks("farm.md"):
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
    assert set(fences) <= {"", "sh", "console"}


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
