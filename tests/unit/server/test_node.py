# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a RabbitMQ is found, as each system's installers leave it. Others run one: tests/farm/test_own_rabbitmq.py"""

from pathlib import Path

import pytest

from bender_worker_addon.server import node
from bender_worker_addon.system.platform import WINDOWS

ON_UNIX = pytest.mark.skipif(WINDOWS, reason="on Windows a file without an ending is no program")


def made(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


@pytest.fixture
def windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder of programs."""
    monkeypatch.setattr(node, "WINDOWS", True)
    return tmp_path / "Program Files"


def test_on_windows_the_newest_is_found_though_none_is_on_the_path(windows: Path) -> None:
    environment = {"ProgramFiles": str(windows)}
    assert node.programs(environment) is None
    servers = [windows / "RabbitMQ Server" / f"rabbitmq_server-{one}" / "sbin" for one in ("4.9.1", "4.10.0", "3.13.7")]
    made(*(server / "rabbitmq-server.bat" for server in servers))
    assert node.programs(environment) is None
    made(
        windows / "erl-23.2" / "erts-11.1" / "bin" / "epmd.exe",
        windows / "Erlang OTP" / "erts-15.2" / "bin" / "epmd.exe",
    )
    epmd = windows / "Erlang OTP" / "erts-15.2" / "bin" / "epmd.exe"
    assert node.programs(environment) == node.Programs(servers[1] / "rabbitmq-server.bat", epmd)


def test_on_windows_the_erlang_that_is_named_goes_first(windows: Path, tmp_path: Path) -> None:
    server = windows / "RabbitMQ Server" / "rabbitmq_server-4.0.5" / "sbin" / "rabbitmq-server.bat"
    own = tmp_path / "my erlang" / "erts-14.0" / "bin" / "epmd.exe"
    made(server, own, windows / "Erlang OTP" / "erts-15.2" / "bin" / "epmd.exe")
    environment = {"ProgramFiles": str(windows), "ERLANG_HOME": str(tmp_path / "my erlang")}
    assert node.programs(environment) == node.Programs(server, own)


@ON_UNIX
@pytest.mark.parametrize("prefix", ["opt/homebrew", "usr/local"])
def test_on_a_mac_what_homebrew_made_is_found_from_a_desktop_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    brew = tmp_path / prefix
    monkeypatch.setattr(node, "_BREW", (brew,))
    monkeypatch.setattr(node, "_PREFIXES", (brew,))
    monkeypatch.setattr(node, "_SCRIPTS", ())
    made(brew / "opt" / "rabbitmq" / "sbin" / "rabbitmq-server", brew / "bin" / "epmd")
    found = node.programs({"PATH": str(tmp_path / "nothing")})
    assert found == node.Programs(brew / "opt" / "rabbitmq" / "sbin" / "rabbitmq-server", brew / "bin" / "epmd")


@ON_UNIX
def test_the_first_on_the_path_is_taken_and_a_script_that_wants_no_user_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, script = (tmp_path / name for name in ("one", "two", "script"))
    monkeypatch.setattr(node, "_SCRIPTS", ())
    made(*(folder / name for folder in (one, two) for name in ("rabbitmq-server", "epmd")))
    environment = {"PATH": f"{one}:{two}"}
    assert node.programs(environment) == node.Programs(one / "rabbitmq-server", one / "epmd")
    monkeypatch.setattr(node, "_SCRIPTS", (script,))
    made(script / "rabbitmq-server")
    assert node.programs(environment) == node.Programs(script / "rabbitmq-server", one / "epmd")


def test_how_to_get_one_is_said_for_each_system() -> None:
    for words in ("apt install rabbitmq-server", "dnf install", "brew install rabbitmq", "choco install rabbitmq"):
        assert words in node.HOW_TO_GET_ONE
