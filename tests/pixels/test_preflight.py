# SPDX-License-Identifier: GPL-3.0-or-later
"""What `submit` says of colours, of cameras, and of what a farm that sends nothing but blends leaves behind."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.farm import pictures
from tests.farm.local_yard import LocalYard, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Installed

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


def test_a_farm_that_sends_nothing_but_blends_leaves_behind_what_is_told(yard: LocalYard, tmp_path: Path) -> None:
    names = [Path(name) for name in ("walk", "cloth", "tiles")]
    pictures.run_script(yard.blender, "packing.py", tmp_path, *names)
    remote = {"queue": "rabbitmq", "mode": "Independent", "bender_url": "http://me:key@127.0.0.1:1"}
    walk, cloth, tiles = (
        [concern["words"] for concern in told(yard, tmp_path / name / f"{name}.blend", **remote)] for name in names
    )
    alone = "workers get only what can be in a blend; each needs, in the same place: "
    assert walk == [f"{alone}{tmp_path}/walk/walk/walk.v2.0001.png"]
    assert cloth == []  # a simulation that is baked on disk goes into the blend
    kinds = "alpha, more than 8 bits or another format than PNG and JPEG"
    assert tiles == [f"pictures that have {kinds}: Cycles may show them otherwise packed: d.1001.png"]
