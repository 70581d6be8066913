# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker and a farm's server as a service: what a worker tells systemd, and that the files for the three systems are
what those can read. What a server tells it: tests/farm/test_members.py"""

import argparse
import plistlib
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bender_worker_addon.server.command import add_arguments
from tests.farm.farmyard import Farm
from tests.farm.process import DEADLINE
from tools.places import PROJECT

SERVICE = PROJECT / "service"
PROGRAMS = ("/usr/local/bin/blender", "/usr/bin/python3")


def test_systemd_is_told_when_it_is_ready_that_it_is_well_and_when_it_stops(farm: Farm, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(DEADLINE)
        systemd.bind(str(tmp_path / "notify"))
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        worker = farm.worker(environment=told)
        assert systemd.recv(1000) == b"READY=1"
        assert systemd.recv(1000).startswith(b"WATCHDOG=1\nSTATUS=")
        worker.wait_for_line("connected to RabbitMQ")
        while systemd.recv(1000) != b"WATCHDOG=1\nSTATUS=Waiting":
            pass
        worker.signal(signal.SIGTERM)
        while systemd.recv(1000) != b"STOPPING=1":
            pass
        assert worker.wait() == 0


@pytest.mark.parametrize(("name", "most"), [("bender-worker", 45), ("bender-farm", 35)])
def test_the_unit_is_one_and_leaves_little_open(farm: Farm, tmp_path: Path, name: str, most: int) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze on this machine")
    unit = tmp_path / f"{name}.service"
    text = (SERVICE / unit.name).read_text()
    for program in PROGRAMS:
        text = text.replace(program, str(farm.blender))
    unit.write_text(text)
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in checked.stderr.splitlines() if unit.name in line] == []
    words = ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", str(unit)]
    rated = subprocess.run(words, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


@pytest.mark.parametrize(("name", "words"), [("worker", ["run"]), ("farm", ["serve", "--host", "0.0.0.0"])])
def test_the_files_for_other_systems_can_be_read(name: str, words: list[str]) -> None:
    agent = plistlib.loads((SERVICE / f"org.bender.{name}.plist").read_bytes())
    assert agent["Label"] == f"org.bender.{name}"
    assert agent["ProgramArguments"][1:] == ["--command", "bender_worker", *words]
    task = ElementTree.parse(SERVICE / f"bender-{name}-task.xml").getroot()
    assert task.findtext(".//{*}Arguments") == " ".join(["--command", "bender_worker", *words])


def test_the_servers_unit_starts_what_there_is() -> None:
    """Both of its lines, as they would be typed."""
    lines = re.findall(
        r"ExecStart=\S+ (?:\S+\.pyz|--command bender_worker) (.*)", (SERVICE / "bender-farm.service").read_text()
    )
    assert len(lines) == 2
    parser = argparse.ArgumentParser()
    add_arguments(parser.add_subparsers().add_parser("serve"))
    for line in lines:
        assert parser.parse_args(line.split()).host == "0.0.0.0"
