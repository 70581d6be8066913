# SPDX-License-Identifier: GPL-3.0-or-later
"""What `submit` sends gives the pixels of the file it was made of, when that and all it needs is away."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm import pictures
from tests.farm.local_yard import LocalYard
from tools.blenders import blenders
from tools.build.package import MODULE

if TYPE_CHECKING:
    from tests.conftest import Installed

PATIENCE = 600.0  # seconds for all scenes, on a busy machine

pytestmark = [pytest.mark.both_blenders, pytest.mark.timeout(3 * PATIENCE)]

FRAME = 3
SCENES = [
    *("kinds", "walk", "tiles", "eyes", "film", "reel", "clip", "edit", "letters", "lamp"),
    *(
        "moved",
        "sculpted",
        "sea",
        "remembered",
        "cloth",
        "unnamed_cloth",
        "outside_cloth",
        "sparks",
        "zone",
        "packed_zone",
    ),
    *("water", "imported", "published", "published_folder", "twice", "drawer", "own_copy"),
]
NOT_IN_4_3 = {"water", "imported", "own_copy"}  # Debian's dies of fluids; these nodes were an experiment then
NEED_NOTHING = {"remembered", "packed_zone"}
DEADLY_ALONE = {"edit"}  # Blender 5.2 dies of a scene in a strip whose own strip misses its picture


@dataclass(frozen=True, slots=True)
class Compared:
    """How many values of each scene differ from what it was where it was made: `farm`, of what was sent; `bare`, of the
    blend alone."""

    farm: Mapping[str, int | None]
    bare: Mapping[str, int | None]
    jobs: Mapping[str, Path]


@pytest.fixture(scope="session")
def compared(installed: "Installed", tmp_path_factory: pytest.TempPathFactory) -> Compared:
    folder, is_4_3 = tmp_path_factory.mktemp("packing"), blenders.version_of(installed.blender) < (5, 0)
    names = [name for name in SCENES if not (is_4_3 and name in NOT_IN_4_3)]
    home, away = folder / "home", folder / "away"
    for name in names:
        (home / name).mkdir(parents=True)
    pictures.run_script(installed.blender, "packing.py", home, *map(Path, names[1:]))
    pictures.run_script(installed.blender, "picture_kinds.py", home / "kinds", Path("kinds"))
    blends = {name: home / name / f"{name}.blend" for name in names}
    plain = rendered(installed.blender, blends, folder / "plain")
    with LocalYard(blender=installed.blender, env=installed.env, folder=folder) as yard:
        jobs = {name: folder / "farm" / "jobs" / yard.submit(blend, "--frames", "1") for name, blend in blends.items()}
    home.rename(away)
    for name, blend in blends.items():
        blend.parent.mkdir(parents=True)
        shutil.copy(away / name / blend.name, blend)
    alone = {name: blend for name, blend in blends.items() if is_4_3 or name not in DEADLY_ALONE}
    farm = rendered(installed.blender, {name: job / f"{name}.blend" for name, job in jobs.items()}, folder / "sent")
    bare = rendered(installed.blender, alone, folder / "bare")
    return Compared(
        different(installed.blender, plain, farm, folder), different(installed.blender, plain, bare, folder), jobs
    )


def rendered(blender: Path, blends: Mapping[str, Path], folder: Path, *, frame: int = FRAME) -> dict[str, Path]:
    """The picture of each, made by plain Blender, where there is one."""
    command = [str(blender), "-b", "--factory-startup"]
    for name, blend in blends.items():
        command += [str(blend), "-o", f"{folder / name}-######", "-x", "1", "-f", str(frame)]
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=True)
    return {path.name.rpartition("-")[0]: path for path in folder.iterdir()}


def different(
    blender: Path, ones: Mapping[str, Path], others: Mapping[str, Path], scratch: Path
) -> dict[str, int | None]:
    pairs = {name: (ones[name], other) for name, other in others.items()}
    found = pictures.compare(blender, pairs.values(), scratch=scratch)
    return {name: one.different for name, one in zip(pairs, found, strict=True)}


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_is_sent_with_all_the_files_its_picture_needs(compared: Compared, name: str) -> None:
    if name not in compared.jobs:
        pytest.skip(f"{name}: not in Blender 4.3")
    assert compared.farm[name] == 0
    if name in compared.bare:
        assert (compared.bare[name] == 0) == (name in NEED_NOTHING)


def test_what_can_be_in_the_blend_is_not_beside_it(compared: Compared) -> None:
    for name in ("letters", "published", "twice", "packed_zone", "remembered", "cloth", "unnamed_cloth", "sparks"):
        assert {path.name for path in compared.jobs[name].iterdir()} == {f"{name}.blend", "data.json"}


def test_what_was_painted_and_not_saved_is_sent_as_it_is_seen(installed: "Installed", tmp_path: Path) -> None:
    script = str(pictures.SCRIPTS / "painted.py")
    words = ["-b", "--python-exit-code", "1", "--python", script, "--", MODULE, str(tmp_path)]
    subprocess.run([str(installed.blender), *words], env=installed.env, timeout=PATIENCE, check=True)
    copy = tmp_path / "copy" / "painted.blend"
    with LocalYard(blender=installed.blender, env=installed.env, folder=tmp_path) as yard:
        job = yard.submit(copy, f"--unsaved={copy.with_name('unsaved.json')}", "--frames", "1")
    shutil.rmtree(copy.parent)
    sent = rendered(installed.blender, {"sent": tmp_path / "farm" / "jobs" / job / "painted.blend"}, tmp_path / "out")
    assert different(installed.blender, {"sent": tmp_path / "seen.exr"}, sent, tmp_path) == {"sent": 0}
    told = "painted, but not saved: divided, tiles; save what you painted first"
    assert json.loads((tmp_path / "told.json").read_text()) == [[told, True]]
