# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a farm with a server, a machine that has joined it, and what may stand between the two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites.site import Site, site
from tests.unit.server.conftest import Client
from tests.unit.server.conftest import client as client  # the fixture


class Machine:
    """One that has joined the farm of a client; `folder` is its own."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        joined = client.ask("POST", "/join/" + client.server.links.join.rpartition("/")[2], json={"name": "desk"})
        self.url: str = joined.json()["bender_url"]

    @property
    def token(self) -> str:
        return self.url.partition("@")[0].rpartition(":")[2]

    @property
    def port(self) -> int:
        """The server's."""
        return int(self.url.rpartition(":")[2])

    def config(self, *, port: int = 0, **settings: str) -> WorkerConfig:
        """Its settings; `port`, where the farm is for it if not at its own."""
        url = self.url.rpartition(":")[0] + f":{port or self.port}"
        environment = {
            f"BENDER_WORKER_{name.upper()}": value for name, value in {"bender_url": url, **settings}.items()
        }
        return resolve(data_dir=self.folder, environment=environment, options={}).config

    def site(self, *, port: int = 0) -> Site:
        return site(self.config(port=port))


@pytest.fixture
def machine(client: Client, tmp_path: Path) -> Machine:
    return Machine(client, tmp_path / "machine")


@pytest.fixture
def remote(machine: Machine) -> Iterator[Site]:
    """The farm as that machine sees it."""
    with machine.site() as farm:
        yield farm
