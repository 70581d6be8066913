# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may join a farm and who has joined, as `serve` lists and changes it, while its server runs and when it is down.
What systemd is told of it."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.server import members
from tests.farm.process import DEADLINE
from tests.farm.serving import SERVER, Machine


class Farm:
    """One on this machine's queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start()

    def start(self) -> None:
        self.server = Machine(self.folder / "server", [str(SERVER), *self._words("--port", "0", "--json")], {})
        self.links = json.loads(self.server.line())

    def says(self, *words: str, code: int = 0) -> str:
        """What `serve` prints with these options, beside the server."""
        command = [sys.executable, str(SERVER), *self._words(*words)]
        env = {"HOME": str(self.folder), "PATH": ""}
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout if code == 0 else ended.stderr

    def join(self, link: str, **told: str) -> str:
        """Gives the token."""
        settings = json.loads(ask("POST", link, told))
        return str(settings["bender_url"]).partition("worker:")[2].partition("@")[0]

    def knows(self, token: str) -> bool:
        base = self.links["join"].partition("/join/")[0]
        try:
            ask("GET", f"{base}/api/jobs", key=token)
        except urllib.error.HTTPError as error:
            assert error.code == 401
            return False
        return True

    def _words(self, *words: str) -> list[str]:
        return ["serve", "--queue", "local", "--farm-dir", str(self.folder / "farm"), *words]


def ask(method: str, url: str, told: Any = None, key: str = "") -> bytes:
    data = None if told is None else json.dumps(told).encode()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers)) as answer:
        return bytes(answer.read())


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    made = Farm(tmp_path)
    yield made
    made.server.end()


def test_a_join_line_is_made_while_the_server_runs_and_when_it_is_down(farm: Farm) -> None:
    said = farm.says("--new-join")
    assert "To let a machine join the farm, type there:  blender --command bender_worker join http://127.0.0.1" in said
    code = said.split()[-1]
    link = next(word for word in said.split() if word.startswith("http"))
    assert farm.join(link, name="one")
    assert farm.server.end() == 0
    made = json.loads(farm.says("--new-join", "--json"))
    listed = json.loads(farm.says("--joined", "--json"))
    assert {one["id"] for one in listed["join_codes"]} >= {made["id"], code}
    assert [one["name"] for one in listed["joined"]] == ["one"]
    farm.start()
    base = farm.links["join"].partition("/join/")[0]
    assert farm.join(base + "/join/" + made["join"].rpartition("/")[2], name="two")
    assert "counts no more" in farm.says("--revoke", code)
    with pytest.raises(urllib.error.HTTPError):
        farm.join(base + "/join/" + link.rpartition("/")[2], name="three")


def test_a_machine_that_is_revoked_is_known_no_more_and_the_others_are(farm: Farm) -> None:
    tokens = [farm.join(farm.links["join"], name=name, id=name * 2) for name in ("a1", "b2")]
    said = farm.says("--joined")
    assert "Machines that have joined: 2" in said
    assert "b2 (worker b2b2)" in said
    assert not [token for token in tokens if token in said]
    assert "That machine has no access" in farm.says("--revoke", "b2b2")
    assert [farm.knows(token) for token in tokens] == [True, False]
    for nobody in ("b2b2", ""):
        assert f"no join code and no machine is called '{nobody}'" in farm.says("--revoke", nobody, code=1)


def test_where_there_is_no_farm_that_is_said(tmp_path: Path) -> None:
    command = [sys.executable, str(SERVER), "serve", "--new-join", "--farm-dir", str(tmp_path / "farm")]
    env = {"HOME": str(tmp_path), "PATH": ""}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"there is no farm in {tmp_path / 'farm'} yet" in ended.stderr
    assert not (tmp_path / "farm").exists()


def test_systemd_is_told_how_it_is_and_no_secret(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(DEADLINE)
        systemd.bind(str(tmp_path / "notify"))
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
        words = ["serve", "--queue", "local", "--port", "0", "--farm-dir", str(tmp_path / "farm")]
        server = Machine(tmp_path / "server", [str(SERVER), *words], env)
        assert systemd.recv(1000).startswith(b"READY=1\nSTATUS=Answers at http://127.0.0.1:")
        assert systemd.recv(1000) == b"WATCHDOG=1"
        assert systemd.recv(1000) == b"WATCHDOG=1"
        assert server.end() == 0
        while systemd.recv(1000) != b"STOPPING=1":
            pass
    said = server.log.read_text()
    assert "serve --new-join" in said
    assert "/join/" not in said
    assert (tmp_path / "farm" / "key").read_text().strip() not in said


def test_a_machine_that_does_not_know_the_farms_name_is_told_an_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Render-Box")
    monkeypatch.setattr(members, "own_address", lambda: "192.168.1.5")
    members.print_join_line("http://Render-Box:8000/join/x")
    assert "If it doesn't know render-box, put 192.168.1.5 in its place." in capsys.readouterr().out
    members.print_join_line("http://127.0.0.1:8000/join/x")
    assert "in its place" not in capsys.readouterr().out


def test_the_address_of_this_machine_is_one_that_it_has() -> None:
    address = members.own_address()
    if address:
        socket.create_server((address, 0)).close()
