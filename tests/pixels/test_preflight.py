# SPDX-License-Identifier: GPL-3.0-or-later
"""What `submit` says of colours, of cameras, and of what a farm that sends nothing but blends leaves behind."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.farm import pictures
from tests.farm.local_yard import LocalYard, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Installed

PATIENCE = 120.0  # seconds for a Blender

pytestmark = pytest.mark.both_blenders


@pytest.fixture
def yard(installed: "Installed", tmp_path: Path) -> "Iterator[LocalYard]":
    with LocalYard(blender=installed.blender, env=installed.env, folder=tmp_path) as made:
        yield made


def told(yard: LocalYard, blend: Path, **settings: object) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = answer(yard.command("submit", blend, "--check", "--json", **settings))["concerns"]
    return said


def test_colors_of_ones_own_are_told_and_those_that_are_lost(
    yard: LocalYard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.run_script(yard.blender, "colors.py", tmp_path / "config.ocio")
    monkeypatch.setenv("OCIO", str(tmp_path / "config.ocio"))
    pictures.run_script(yard.blender, "colors.py", tmp_path / "studio.blend")
    monkeypatch.delenv("OCIO")
    (lost,) = told(yard, tmp_path / "studio.blend")
    assert lost["words"].startswith("this Blender's colours (OCIO) are not those the file was made with: ")
    assert "Studio Look" in lost["words"]
    assert 'image colorspace "Studio Space" not found' in lost["words"]
    yard_with_colors = LocalYard(
        blender=yard.blender, env={**yard.environment(), "OCIO": str(tmp_path / "config.ocio")}, folder=tmp_path
    )
    (own,) = told(yard_with_colors, tmp_path / "studio.blend")
    assert own["words"] == (
        "its colours are those of an OCIO configuration of your own; workers without it make other ones: "
        f"{tmp_path / 'config.ocio'}"
    )


def test_a_camera_is_missed_only_where_blender_needs_one(yard: LocalYard, tmp_path: Path) -> None:
    pictures.run_script(yard.blender, "cameras.py", tmp_path)
    found = {blend.stem: told(yard, blend) for blend in sorted(tmp_path.glob("*.blend"))}
    hopeless = {name for name, concerns in found.items() if any(concern["hopeless"] for concern in concerns)}
    assert hopeless == {"none", "another", "only_sound", "compositing_of_layers", "muted_edit"}
    assert set(found) - hopeless == {"markers", "compositing_of_nothing", "edit"}
    assert "Sent none" in yard.command("submit", tmp_path / "none.blend", "--frames", "1", "--anyway").stdout


def test_what_cannot_travel_to_every_machine_is_told(yard: LocalYard, tmp_path: Path) -> None:
    pictures.run_script(yard.blender, "packing.py", tmp_path, Path("walk"))
    blend, folder = tmp_path / "walk" / "walk.blend", tmp_path / "walk" / "walk"
    remote = {"queue": "rabbitmq", "mode": "Independent", "bender_url": "http://me:key@127.0.0.1:1"}
    assert told(yard, blend, **remote) == []  # what can't be in the blend travels beside it
    for path in sorted(folder.glob("walk*")):
        path.rename(path.with_name(path.name.replace("walk.", "walk: ")))
    rename = "import bpy; bpy.data.images[0].filepath_raw = '//walk/walk: v2.0001.png'; bpy.ops.wm.save_mainfile()"
    command = [str(yard.blender), "-b", str(blend), "--python-exit-code", "1", "--python-expr", rename]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    assert told(yard, blend) == []
    (words,) = [concern["words"] for concern in told(yard, blend, **remote)]
    assert words.startswith("not every system can call a file so, rename it or workers may lack it: ")
    assert f"{folder}/walk: v2.0001.png" in words
