# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo, as people run it: without any server, and with RabbitMQ. Both show the same."""

import re
import subprocess
import sys
from pathlib import Path

from tests.farm.process import DEADLINE
from tools.places import PROJECT


def test_both_farms_render_and_show_the_same(tmp_path: Path) -> None:
    here, with_servers = _shown(tmp_path / "here"), _shown(tmp_path / "servers", "--rabbitmq")
    assert here == with_servers
    assert here[:2] == ["frame # received · rendering · finished # s # kB"] * 2


def _shown(output: Path, *options: str) -> list[str]:
    """What the demo prints, without its figures and its folder."""
    command = [sys.executable, "build.py", "demo", "--frames", "2", "--output", str(output), *options]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((output / "sample").iterdir())) == 2
    plain = re.sub(r"[\d.]+", "#", done.stdout.replace(str(output), "OUTPUT"))
    return [" ".join(line.split()) for line in plain.splitlines()]
