# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm gives its machines the add-on: a Blender installs it from there, from a server in a Blender and from
bender-farm.pyz, and gets the newer one when the farm has it."""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bender_worker_addon.server.extension import described, zipped
from tests.farm.process import DEADLINE
from tests.farm.serving import Machine
from tools.build import package, pyz

if TYPE_CHECKING:
    from tests.conftest import Installed

pytestmark = pytest.mark.both_blenders


class Client:
    """A Blender whose user has nothing yet."""

    def __init__(self, blender: Path, folder: Path) -> None:
        self.blender = blender
        self._folder = folder
        self.env = package.environment_of(folder)

    @property
    def manifest(self) -> Path:
        """Of its add-on, as it is installed."""
        (found,) = self._folder.rglob("bender_worker_addon/blender_manifest.toml")
        return found

    def extension(self, *words: str) -> str:
        return self.does("--online-mode", "--command", "extension", *words)

    def does(self, *words: str) -> str:
        command = [str(self.blender), *words]
        ended = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture
def client(installed: "Installed", tmp_path: Path) -> Client:
    return Client(installed.blender, tmp_path / "client")


def repository_of(line: str) -> str:
    return str(json.loads(line)["join"]).partition("/join/")[0] + "/extension/index.json"


def install_from(address: str, client: Client) -> None:
    client.extension("repo-add", "--name", "Our Farm", "--url", address, "our_farm")
    client.extension("install", "--sync", "--enable", "our_farm.bender_worker_addon")
    assert client.does("--command", "bender_worker", "get", "id").strip()


def test_what_is_listed_is_what_blender_itself_would_list(installed: "Installed", tmp_path: Path) -> None:
    extension = described(zipped(package.staged(tmp_path / "stage")))
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / extension.name).write_bytes(extension.archive)
    env = package.environment_of(tmp_path / "user")
    package._extension(installed.blender, "validate", folder / extension.name, env=env)
    package._extension(installed.blender, "server-generate", "--repo-dir", folder, env=env)
    listed = json.loads((folder / "index.json").read_text())
    assert {**listed, "data": [dict(sorted(entry.items())) for entry in listed["data"]]} == {
        **extension.listed,
        "data": [dict(sorted(extension.entry.items()))],
    }


def test_it_is_installed_from_a_bender_farm_pyz(client: Client, tmp_path: Path) -> None:
    built = pyz.build(folder=tmp_path / "dist")
    words = ["serve", "--queue", "local", "--port", "0", "--json", "--farm-dir", str(tmp_path / "farm")]
    machine = Machine(tmp_path / "machine", ["-I", str(built), *words], {})
    address = repository_of(machine.line())
    install_from(address, client)
    for name in ("another.zip", "..%2Ffarm.sqlite"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address.replace("index.json", name), timeout=DEADLINE)
    assert machine.end() == 0


@contextmanager
def serving(server: Client, folder: Path, *, port: int = 0) -> Iterator[str]:
    """A Blender that serves a farm; gives the address of its repository."""
    words = ["serve", "--queue", "local", "--port", str(port), "--json", "--farm-dir", str(folder / "farm")]
    env = {**server.env, "BENDER_WORKER_DATA_DIR": str(folder / "data")}
    machine = Machine(folder, ["--command", "bender_worker", *words], env, program=str(server.blender))
    try:
        yield repository_of(machine.line())
    finally:
        assert machine.end() == 0, machine.log.read_text()


def test_it_is_installed_from_a_server_in_a_blender_and_is_renewed_with_it(
    installed: "Installed", client: Client, tmp_path: Path
) -> None:
    """The server's own add-on is what it gives."""
    user = tmp_path / "user-of-the-server"
    shutil.copytree(installed.env["BLENDER_USER_RESOURCES"], user)
    server = Client(installed.blender, user)
    with serving(server, tmp_path / "server") as address:
        install_from(address, client)
    before = client.manifest.read_text()
    manifest = server.manifest
    manifest.write_text(re.sub(r'(?m)^version = ".*"', 'version = "99.1.0"', manifest.read_text()))
    with serving(server, tmp_path / "server", port=urlsplit(address).port or 0):
        client.extension("update", "--sync")
    assert 'version = "99.1.0"' in client.manifest.read_text() != before
    assert client.does("--command", "bender_worker", "get", "id").strip()
