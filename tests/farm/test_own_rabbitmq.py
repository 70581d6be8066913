# SPDX-License-Identifier: GPL-3.0-or-later
"""A RabbitMQ of the farm's own: found, started with it, started again when it dies, ended with it however that ends."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bender_worker_addon.core.deliveries import Delivery
from bender_worker_addon.queues.rabbitmq.channels import TILE_QUEUE
from bender_worker_addon.queues.rabbitmq.deliveries import Unacked
from bender_worker_addon.queues.rabbitmq.leases import Leases, LeaseTimes
from bender_worker_addon.server import members
from tests.farm import serving
from tests.farm.serving import OWN, PATIENCE, SERVER, Machine
from tools.build import wheels
from tools.servers import rabbitmq

wheels.importable()

import pika  # noqa: E402
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker, ConnectionClosedByBroker  # noqa: E402


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH on which RabbitMQ is found."""
    programs = rabbitmq.programs()
    found = tmp_path / "programs"
    found.mkdir()
    for name, program in (
        ("rabbitmq-server", programs.server),
        ("rabbitmqctl", programs.ctl),
        ("epmd", programs.epmd),
    ):
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
        return processes_of(self.folder)


def processes_of(folder: Path) -> list[int]:
    """The RabbitMQ of the farm in that folder and what belongs to it."""
    listed = subprocess.run(["ps", "-ww", "-e", "-o", "pid,args"], capture_output=True, text=True, check=True).stdout
    mark = f"-home {folder / 'farm' / 'rabbitmq'}"
    return [int(line.split()[0]) for line in listed.splitlines() if mark in line]


@pytest.fixture
def farm(tmp_path: Path, path: str) -> Iterator[Farm]:
    made = Farm(tmp_path, path)
    yield made
    made.server.end()


def test_it_runs_with_the_farm_and_ends_with_it_and_two_that_start_at_once_have_each_their_own(
    tmp_path: Path, path: str
) -> None:
    with ThreadPoolExecutor() as people:
        farms = list(people.map(lambda name: Farm(tmp_path / name, path), ("one", "other")))
    one, other = farms
    try:
        assert one.port != other.port
        assert one.is_up()
        assert one.processes()
        assert one.server.end() == 0
        one.until(up=False)
        assert not one.processes()
        assert other.is_up()
        assert other.processes()
    finally:
        for farm in farms:
            farm.server.end()


def test_each_machine_is_a_user_of_its_own_until_it_is_revoked_also_if_the_farm_or_its_rabbitmq_is_killed(
    tmp_path: Path, path: str
) -> None:
    farm = serving.Farm(tmp_path, OWN, PATH=path)
    try:
        farm.send("job", "1-4")
        for name in ("one", "two", "three"):
            farm.worker(name)
        farm.until_finished("job")
        farm.ask("POST", "/api/workers/one/pause")
        farm.until(lambda: state_of(farm, "one").startswith("Paused"), "the pause of one")
        logged = "".join(log.read_text() for log in (tmp_path / "farm" / "rabbitmq" / "log").glob("*.log"))
        assert "refused for user" not in logged, "workers may do all that they do"
        may_lease_a_task(farm)
        may_nothing_else(farm.amqp_urls["one"])
        with pika.BlockingConnection(pika.URLParameters(farm.amqp_urls["one"])) as connected:
            farm.ask("DELETE", "/api/workers/one/token")
            with pytest.raises(ConnectionClosedByBroker, match="deleted"):
                connected.sleep(PATIENCE)
        assert not is_known(farm.amqp_urls["one"])
        farm.send("more", "1-2")
        farm.until_finished("more")
        farm.server.kill()
        farm.until(lambda: not is_up(farm.amqp_urls["two"]), "the end of RabbitMQ with its farm")
        members.revoke(tmp_path / "farm", "two", as_json=False)
        shutil.rmtree(tmp_path / "farm" / "rabbitmq" / "data")
        farm.start()
        farm.until(lambda: is_known(farm.amqp_urls["three"]), "what RabbitMQ had lost")
        farm.until(lambda: not is_known(farm.amqp_urls["two"]), "the end of two")
        assert "tried again" not in farm.server.log.read_text()
        told = farm.server.log.with_name("output-0.log").read_text()
        for words in (
            "three has joined",
            "job more was sent by a person: 2 frames",
            "access of machine one was revoked",
        ):
            assert words in told
        told_of_users = tmp_path / "farm" / "rabbitmq" / "definitions.json"
        farm.until(lambda: not told_of_users.exists(), "the end of what RabbitMQ was told, once it has taken all of it")
        lose_all(farm)
        farm.until(lambda: is_known(farm.amqp_urls["three"]), "a RabbitMQ that was started again and what it had lost")
        farm.send("last", "1-2")
        farm.until_finished("last")
    finally:
        farm.close()


def lose_all(farm: serving.Farm) -> None:
    """RabbitMQ dies and has nothing left when it is started again."""
    folder = farm.folder / "farm" / "rabbitmq"
    (folder / "data").rename(folder / "gone")
    for process in processes_of(farm.folder):
        os.kill(process, 9)
    farm.until(lambda: not is_up(farm.amqp_urls["three"]) or (folder / "data").exists(), "the end of RabbitMQ")


def state_of(farm: serving.Farm, worker: str) -> str:
    return str(farm.ask("GET", f"/api/workers/{worker}")["hello"].get("state"))


def is_up(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=1).close()
    except OSError:
        return False
    return True


def is_known(url: str) -> bool:
    """A farm that is started again has the same port."""
    try:
        pika.BlockingConnection(pika.URLParameters(url)).close()
    except AMQPConnectionError:  # as ProbableAuthenticationError is one
        return False
    return True


def may_lease_a_task(farm: serving.Farm) -> None:
    """As one does that has it for longer than RabbitMQ lets it."""
    with pika.BlockingConnection(pika.URLParameters(farm.amqp_urls["one"])) as connection:
        held = Unacked(Delivery(1, 1, b"{}", False), pika.BasicProperties(), connection.channel(), 1, "", TILE_QUEUE)
        leases = Leases(connection, worker_id="one", times=LeaseTimes())
        leased = leases.take(held)
        assert leased is not None
        assert leases.renew(leased)
        leases.ack(leased)


def may_nothing_else(url: str) -> None:
    forbidden: list[Callable[[pika.adapters.blocking_connection.BlockingChannel], object]] = [
        lambda channel: channel.basic_get("worker"),
        lambda channel: channel.queue_purge("worker"),
        lambda channel: channel.queue_delete("worker"),
        lambda channel: channel.queue_declare("mine"),
        lambda channel: channel.queue_bind("work", "worker-topic", "#"),
        lambda channel: channel.exchange_delete("bender-control"),
        lambda channel: channel.basic_publish("bender-control", "two", b"stop", mandatory=True),
    ]
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        for attempt in forbidden:
            channel = connection.channel()
            channel.confirm_delivery()
            with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
                attempt(channel)
