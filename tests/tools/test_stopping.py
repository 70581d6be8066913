# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py test` takes along all that it has started, whether it is told to stop or killed."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.farm.ground import eventually
from tools.places import PROJECT
from tools.process import inheriting

PATIENCE = 90.0  # seconds, on a busy machine too
# A test that does not end, with a RabbitMQ and a program in a session of its own, as workers are.
ENDLESS = """
import os, pathlib, subprocess, time
from tools.servers.rabbitmq import RabbitNode

def test_endless():
    with RabbitNode():
        program = subprocess.Popen(["sh", "-c", "sleep 1000 & wait"], start_new_session=True)
        pathlib.Path(os.environ["STARTED"]).touch()
        time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_that_was_started_is_left(tmp_path: Path, number: signal.Signals) -> None:
    started, mark = tmp_path / "started", f"STOPPING_TEST_MARK={uuid.uuid4().hex}"
    (tmp_path / "test_endless.py").write_text(ENDLESS)
    command = [sys.executable, "build.py", "test", "-c", "pyproject.toml", str(tmp_path / "test_endless.py")]
    env = os.environ | dict([mark.split("=")]) | {"STARTED": str(started)}
    with (tmp_path / "log").open("wb") as log:
        build = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=log, stderr=log, preexec_fn=_heed_signals)
    try:
        eventually(started.exists)
        build.send_signal(number)
        assert build.wait(PATIENCE) == (-number if number == signal.SIGKILL else 128 + number)
        eventually(lambda: not inheriting(mark))
    finally:
        for process in inheriting(mark):
            os.kill(process, signal.SIGKILL)


def _heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell's background and nohup ignore some
        signal.signal(number, signal.SIG_DFL)
