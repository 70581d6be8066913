# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child gets to see, in a sandbox and without: worded only; tests/hostile runs real ones."""

import sys
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import WorkerError
from bender_worker_addon.system.sandbox import Sandbox, environment_inside, without_secrets
from tests.unit.conftest import StartFarm

SECRET = {
    "BENDER_WORKER_AMQP_URL": "amqp://farm/",
    "AWS_PROFILE": "studio",
    "GITHUB_TOKEN": "x",
    "Db_Password": "x",
    "OPENAI_API_KEY": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus",
    "http_proxy": "http://me:secret@proxy:3128",
}
NEEDED = {
    "PATH": "/usr/bin",
    "OCIO": "/studio/config.ocio",
    "RLM_LICENSE": "5053@licences",
    "CUDA_VISIBLE_DEVICES": "0",
    "CYCLES_OPENCL_TEST": "",
    "LD_LIBRARY_PATH": "/opt/lib",
    "BLENDER_USER_RESOURCES": "/studio/blender",
    "no_proxy": "localhost",
    "PIPELINE": "https://studio.example/@shots",
    "XKB_KEYMAP": "us",
}


def test_an_environment_keeps_what_a_studio_sets_and_loses_what_is_secret() -> None:
    assert without_secrets(SECRET | NEEDED) == NEEDED


def test_the_environment_inside_leads_to_no_home_and_no_desktop(tmp_path: Path) -> None:
    desktop = {"HOME": "/home/me", "DISPLAY": ":0", "XAUTHORITY": "/home/me/.x", "XDG_RUNTIME_DIR": "/run/user/1000"}
    assert environment_inside(NEEDED | desktop, home=tmp_path) == NEEDED | {"HOME": str(tmp_path)}


def test_a_program_that_lies_in_the_home_itself_does_not_open_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    program, other = tmp_path / "blender", tmp_path / "blender-4.3" / "blender"
    other.parent.mkdir()
    for path in (program, other):
        path.touch()
    assert _seen([str(program)], tmp_path) >= {str(program)}
    assert _seen([str(other)], tmp_path) >= {str(other.parent)}
    assert str(tmp_path) not in _seen([str(program), str(other)], tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a sandbox")
@pytest.mark.parametrize(
    ("bwrap", "trouble"),
    [("", "package bubblewrap"), ("echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1", "uid map")],
)
def test_where_no_sandbox_can_be_had_on_refuses_and_auto_says_so(
    start_farm: StartFarm,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    bwrap: str,
    trouble: str,
) -> None:
    if bwrap:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{bwrap}\n")
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkerError, match=trouble):
        start_farm(sandbox="on")
    start_farm(sandbox="auto")
    assert [record.levelname for record in caplog.records if trouble in record.getMessage()] == ["WARNING"]


def _seen(command: list[str], folder: Path) -> set[str]:
    """The places that are opened to what runs in a sandbox, but for the folder it may write to."""
    words = Sandbox().command(command, folder=folder / "out")
    return {words[at + 1] for at, word in enumerate(words) if word == "--ro-bind-try"}
