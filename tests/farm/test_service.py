# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker as a service: what it tells systemd, and that the files for the three systems are what those can read."""

import plistlib
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.farm.farmyard import Farm
from tests.farm.process import DEADLINE
from tools.places import PROJECT

UNIT = PROJECT / "service" / "bender-worker.service"


def test_systemd_is_told_when_it_is_ready_that_it_is_well_and_when_it_stops(farm: Farm, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(DEADLINE)
        systemd.bind(str(tmp_path / "notify"))
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        worker = farm.worker(environment=told)
        assert systemd.recv(1000) == b"READY=1"
        assert systemd.recv(1000).startswith(b"WATCHDOG=1\nSTATUS=")
        worker.wait_for_line("connected to RabbitMQ")
        while systemd.recv(1000) != b"WATCHDOG=1\nSTATUS=Waiting for tasks":
            pass
        worker.signal(signal.SIGTERM)
        while systemd.recv(1000) != b"STOPPING=1":
            pass
        assert worker.wait() == 0


def test_the_unit_is_one_and_leaves_little_open(farm: Farm, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze on this machine")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/blender", str(farm.blender)))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in checked.stderr.splitlines() if UNIT.name in line] == []
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=45", str(unit)]
    rated = subprocess.run(words, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


def test_the_files_for_other_systems_can_be_read() -> None:
    agent = plistlib.loads((PROJECT / "service" / "org.bender.worker.plist").read_bytes())
    assert agent["ProgramArguments"][1:] == ["--command", "bender_worker", "run"]
    task = ElementTree.parse(PROJECT / "service" / "bender-worker-task.xml").getroot()
    assert task.findtext(".//{*}Arguments") == "--command bender_worker run"
