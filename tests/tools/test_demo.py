# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo, as people run it: without any server, with RabbitMQ, and as a farm of three. All show the same, and leave
nothing behind."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

from tests.farm.ground import eventually
from tests.farm.process import DEADLINE
from tools.places import PROJECT
from tools.process import inheriting

LONG = 3 * DEADLINE  # a farm of three has four Blenders to start, and more to join it
LINE = "frame # received · rendering · finished # s # kB"


def test_both_farms_render_and_show_the_same(tmp_path: Path) -> None:
    here, with_servers = _shown(tmp_path / "here"), _shown(tmp_path / "servers", "--rabbitmq")
    assert here == with_servers
    assert here[:2] == [LINE] * 2


def test_a_farm_of_three_has_a_page_and_ends_by_itself(tmp_path: Path) -> None:
    mark = f"DEMO_TEST_MARK={uuid.uuid4().hex}"
    page, *lines = _shown(tmp_path / "farm", "--farm", mark=mark)
    assert page.startswith("The farm's page: http://")
    assert sorted(line.rpartition(" ")[0] for line in lines[:2]) == [LINE] * 2
    assert all(line.rpartition(" ")[2].startswith("worker-") for line in lines[:2])
    assert not inheriting(mark)


def test_a_farm_of_three_ends_at_ctrl_c_with_all_that_it_started(tmp_path: Path) -> None:
    mark = f"DEMO_TEST_MARK={uuid.uuid4().hex}"
    env = {**os.environ, "TMPDIR": str(tmp_path), **dict([mark.split("=")])}
    command = [sys.executable, "build.py", "demo", "--farm", "--frames", "900", "--output", str(tmp_path / "output")]
    with (tmp_path / "log").open("w+") as log:
        demo = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=log, stderr=log, preexec_fn=_heed_signals)
        try:
            eventually(lambda: "finished" in (tmp_path / "log").read_text() or demo.poll() is not None, timeout=LONG)
            page = re.search(r"The farm's page: (http:\S+)/#", (tmp_path / "log").read_text())
            assert page, (tmp_path / "log").read_text()
            with urllib.request.urlopen(f"{page[1]}/", timeout=DEADLINE) as answer:
                assert b"<title>" in answer.read()
            demo.send_signal(signal.SIGINT)
            assert demo.wait(DEADLINE) == 128 + signal.SIGINT
            eventually(lambda: not inheriting(mark))
        finally:
            for process in inheriting(mark):
                os.kill(process, signal.SIGKILL)
    said = (tmp_path / "log").read_text()
    assert "Traceback" not in said
    assert "build.py: stopped" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "output"]


def _shown(output: Path, *options: str, mark: str = "DEMO_TEST_MARK=") -> list[str]:
    """What the demo prints, without its figures and its folder."""
    command = [sys.executable, "build.py", "demo", "--frames", "2", "--output", str(output), *options]
    env = {**os.environ, **dict([mark.split("=")])}
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((output / "sample").iterdir())) == 2
    plain = re.sub(r"(?<![-\w])[\d.]+", "#", done.stdout.replace(str(output), "OUTPUT"))
    return [" ".join(line.split()) for line in plain.splitlines()]


def _heed_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background has it ignored
