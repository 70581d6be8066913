# SPDX-License-Identifier: GPL-3.0-or-later
"""A RabbitMQ of the farm's own: found, started with it, started again when it dies, ended with it however that ends."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.serving import PATIENCE, SERVER, Machine
from tools.servers import rabbitmq


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which RabbitMQ is found."""
    programs = rabbitmq.programs()
    found = tmp_path / "programs"
    found.mkdir()
    for name, program in (("rabbitmq-server", programs.server), ("epmd", programs.epmd)):
        (found / name).symlink_to(program)
    return f"{found}{os.pathsep}{os.environ['PATH']}"


class Farm:
    def __init__(self, folder: Path, path: str) -> None:
        self.folder, self._path = folder, path
        self.start()

    def start(self) -> None:
        words = ["serve", "--port", "0", "--json", "--farm-dir", str(self.folder / "farm")]
        self.server = Machine(self.folder / "server", [str(SERVER), *words], {"PATH": self._path})
        self.links = json.loads(self.server.line())

    @property
    def port(self) -> int:
        kept = json.loads((self.folder / "farm" / "rabbitmq" / "node.json").read_text())
        return int(kept["port"])

    def is_up(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False

    def until(self, up: bool) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.is_up() != up:
            assert time.monotonic() < deadline, self.server.log.read_text()
            time.sleep(0.1)

    def processes(self) -> list[int]:
        """The farm's RabbitMQ and what belongs to it."""
        listed = subprocess.run(
            ["ps", "-ww", "-e", "-o", "pid,args"], capture_output=True, text=True, check=True
        ).stdout
        mark = f"-home {self.folder / 'farm' / 'rabbitmq'}"
        return [int(line.split()[0]) for line in listed.splitlines() if mark in line]


@pytest.fixture
def farm(tmp_path: Path, path: str) -> Iterator[Farm]:
    made = Farm(tmp_path, path)
    yield made
    made.server.end()


def test_it_runs_with_the_farm_and_ends_with_it(farm: Farm) -> None:
    assert farm.is_up()
    assert farm.processes()
    assert farm.server.end() == 0
    farm.until(up=False)
    assert not farm.processes()


def test_it_is_started_again_when_it_dies(farm: Farm) -> None:
    for process in farm.processes():
        os.kill(process, 9)
    farm.until(up=False)
    farm.until(up=True)


def test_it_does_not_outlive_a_farm_that_is_killed_and_the_next_one_has_its_data(farm: Farm) -> None:
    port = farm.port
    farm.server.kill()
    farm.until(up=False)
    farm.start()
    assert (farm.port, farm.is_up()) == (port, True)
