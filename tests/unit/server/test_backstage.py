# SPDX-License-Identifier: GPL-3.0-or-later
"""Backstage: what the farm gives to its Blender, and what it makes of one that hangs, dies or says no. The Blender is a
stand-in; a real one looks into a blend and makes a film in tests/page."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.server import backstage
from bender_worker_addon.server.backstage import Backstage
from tests.unit.server.conftest import Client

Make = Callable[[str], Backstage]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A Backstage whose Blender does what is told here, in Python, with `folder` and `told` at hand."""

    def made(does: str) -> Backstage:
        script = tmp_path / "blender.py"
        before = "import json, os, sys, time; from pathlib import Path; folder = Path(sys.argv[-1])\n"
        before += "told = json.loads((folder / 'told.json').read_text())\n"
        before += "def answer(what): (folder / 'answer.json').write_text(json.dumps(what))\n"
        script.write_text(before + does)
        program = tmp_path / "blender"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        program.chmod(0o755)
        return Backstage(program, farm_dir=tmp_path / "farm")

    return made


def nothing_is_left(tmp_path: Path) -> bool:
    return not list((tmp_path / "farm" / "backstage").iterdir())


def test_it_has_no_secrets_no_home_and_runs_no_scripts(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENDER_WORKER_AMQP_URL", "amqp://u:p@host")
    does = "answer({'told': told, 'words': sys.argv[1:], 'env': dict(os.environ), 'at': os.getcwd()})"
    found = make(does).look(tmp_path / "shot.blend")
    assert found["told"] == {"what": "look", "blend": str(tmp_path / "shot.blend")}
    assert {"--background", "--factory-startup", "--disable-autoexec", "--offline-mode"} <= set(found["words"])
    assert not [name for name in found["env"] if name.startswith("BENDER")]
    assert {found["env"][name] for name in ("HOME", "TMPDIR", "BLENDER_USER_RESOURCES")} == {found["at"]}
    assert nothing_is_left(tmp_path)


def test_what_it_makes_is_put_in_its_place(make: Make, tmp_path: Path) -> None:
    blend = tmp_path / "shot.blend"
    blend.write_bytes(b"old")
    make("(folder / 'scene.blend').write_text(told['scene']); answer({})").save_with(blend, "Second")
    assert blend.read_bytes() == b"Second"
    make("(folder / 'film.mp4').write_text(str(told['fps'])); answer({})").film(
        [tmp_path / "1.png"], tmp_path / "out.mp4", fps=25, scene_of=None
    )
    assert (tmp_path / "out.mp4").read_text() == "25"
    assert nothing_is_left(tmp_path)


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("answer({'error': 'it is no blend'})", "it is no blend"),
        ("print('out of memory', flush=True); os.abort()", "its last words: out of memory"),
        ("sys.exit(0)", "its last words: none"),
        ("time.sleep(600)", "took longer than"),
    ],
)
def test_why_it_could_not_do_it_is_told(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, why: str
) -> None:
    monkeypatch.setattr(backstage, "_LOOK", 5.0 if "sleep" in does else 180.0)
    with pytest.raises(FarmError, match=why):
        make(does).look(tmp_path / "shot.blend")
    assert nothing_is_left(tmp_path)


def test_it_ends_with_the_server(make: Make, tmp_path: Path) -> None:
    made = make("(folder / 'pid').write_text(str(os.getpid())); time.sleep(600)")
    failures: list[FarmError] = []

    def look() -> None:
        try:
            made.look(tmp_path / "shot.blend")
        except FarmError as error:
            failures.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    deadline = time.monotonic() + 60
    while not (found := [file for file in (tmp_path / "farm").rglob("pid") if file.read_text()]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    pid = int(found[0].read_text())
    made.close()
    thread.join(60)
    assert failures
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_without_one_says_so(client: Client) -> None:
    client.put("job-1")
    assert client.ask("GET", "/api/about").json()["blender"] is False
    looked = client.ask("POST", "/api/jobs/job-1/look", json={"blend": "scene.blend"})
    assert (looked.status_code, looked.json()["error"]) == (
        409,
        "the farm's server has no Blender; start it with one: serve --blender FILE",
    )
    for wrong in ({}, {"blend": 7}, {"blend": "scene.blend", "scene": 7}, {"blend": "../x.blend"}):
        assert client.ask("POST", "/api/jobs/job-1/look", json=wrong).status_code == 400
    assert client.ask("POST", "/api/jobs/job-2/look", json={"blend": "scene.blend"}).status_code == 404
    client.tell("job-1", person="Jo\n\u202e")
    assert client.ask("GET", "/api/jobs/job-1").json()["person"] == "Jo"
    assert client.ask("GET", "/api/jobs/job-1/film").json() == {"state": "none", "why": ""}
    assert client.ask("POST", "/api/jobs/job-1/film").status_code == 409  # no frame is there
    assert client.ask("GET", "/api/jobs/job-1/film.mp4").status_code == 404
    assert client.ask("POST", "/api/jobs/job-9/film").status_code == 404
