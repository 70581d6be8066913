# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's server as one file: any Python runs it, with nothing else installed."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.farm.serving import Machine
from tools.build import pyz


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pyz.build(folder=tmp_path_factory.mktemp("dist"))


def test_it_serves_the_farm_of_this_machine(built: Path, tmp_path: Path) -> None:
    words = ["serve", "--queue", "local", "--port", "0", "--json", "--farm-dir", str(tmp_path / "farm")]
    machine = Machine(tmp_path / "machine", ["-I", str(built), *words], {})
    links = json.loads(machine.line())
    request = urllib.request.Request(
        links["page"].partition("/#")[0] + "/api/jobs", headers={"Authorization": f"Bearer {links['key']}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.loads(answer.read()) == []
    with urllib.request.urlopen(f"{links['page'].partition('#')[0]}page/main.js", timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("text/javascript")
    assert machine.end() == 0


def test_without_a_rabbitmq_it_says_how_to_get_one(built: Path, tmp_path: Path) -> None:
    """A farm for others needs one."""
    command = [sys.executable, "-I", str(built), "serve", "--host", "0.0.0.0", "--farm-dir", str(tmp_path)]
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    if "needs RabbitMQ" not in ended.stderr:
        assert Path("/usr/lib/rabbitmq").exists(), ended.stderr
        pytest.skip("this machine has a RabbitMQ")
    assert ended.returncode == 1
    assert "apt install rabbitmq-server" in ended.stderr


def test_a_second_one_on_the_same_folder_says_that_one_runs(built: Path, tmp_path: Path) -> None:
    words = ["serve", "--queue", "local", "--port", "0", "--json", "--farm-dir", str(tmp_path / "farm")]
    machine = Machine(tmp_path / "machine", ["-I", str(built), *words], {})
    machine.line()
    second = subprocess.run(
        [sys.executable, "-I", str(built), *words],
        env={"HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (second.returncode, second.stdout) == (1, "")
    assert "runs already" in second.stderr
    assert machine.end() == 0
