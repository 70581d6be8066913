# SPDX-License-Identifier: GPL-3.0-or-later
"""What File Output nodes write on a farm: the pictures of plain Blender, in folders of the job and nowhere else."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm import pictures
from tests.farm.local_yard import IDLE, LocalYard
from tests.pixels.test_packing import rendered

if TYPE_CHECKING:
    from tests.conftest import Installed

pytestmark = pytest.mark.both_blenders

UP = {True: ("traversal/up", "up"), False: ("traversal/_/up", "project/_./up")}
"""Where a file goes, and where plain Blender puts it, that is to go up a folder: before Blender 5 it does."""
MARKED = {True: "a?b", False: "a_b"}  # Blender 5 makes names so that any system can have them
NAMED = {True: "named/{blend_name}_", False: "named/passes_"}  # before Blender 5 that is no template
LAYERS = ("layers", "named")


def places(*, before_5: bool) -> dict[str, str]:
    """Of each file without its number: its place in the job's folder, and in that of plain Blender."""
    return {
        "passes/near/Image": "project/passes/near/Image",
        "deep/sub/mask": "out/deep/sub/mask",
        "deep-2/Image": "other/deep/Image",
        "above/Image": "Image",
        "traversal/a_b": f"project/{MARKED[before_5]}",
        "layers/all_": "project/layers/all_",
        UP[before_5][0]: UP[before_5][1],
        NAMED[before_5]: f"project/{NAMED[before_5]}",
    }


def numbered(places: dict[str, str], frame: int) -> dict[str, str]:
    def file(place: str) -> str:
        return f"{place}{frame:04d}.{'exr' if any(name in place for name in LAYERS) else 'png'}"

    return {file(here): file(there) for here, there in places.items()} | {
        f"deep/z_{frame:06d}_.png": f"out/deep/z_{frame:06d}_.png"
    }


def test_they_are_written_into_the_jobs_folder_and_are_those_of_plain_blender(
    installed: "Installed", tmp_path: Path
) -> None:
    made = tmp_path / "made"
    pictures.run_script(installed.blender, "passes.py", made)
    blend = made / "project" / "passes.blend"
    for frame in (1, 3):
        rendered(installed.blender, {"plain": blend}, tmp_path / "plain", frame=frame)
    written = {path.relative_to(made).as_posix(): path for path in made.rglob("*.*") if path.suffix in (".png", ".exr")}
    plain = tmp_path / "written"
    for name, path in written.items():
        (plain / name).parent.mkdir(parents=True, exist_ok=True)
        path.rename(plain / name)

    with LocalYard(blender=installed.blender, env=installed.env, folder=tmp_path) as yard:
        job = yard.submit(blend, "--frames", "1,3", "--chunk", "2")
        folder = Path(yard.show(job)["folder"])
        assert yard.worker(*IDLE).wait() == 0
        fetched = yard.command("fetch", job, "--to", tmp_path / "fetched")
    assert [path for path in made.rglob("*") if path.is_file() and not path.is_relative_to(folder)] == [blend]
    before_5 = "up0001.png" in written
    expected = {here: there for frame in (1, 3) for here, there in numbered(places(before_5=before_5), frame).items()}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"000001.png", "000003.png", *expected}
    assert set(written) == set(expected.values())
    pairs = [(folder / here, plain / there) for here, there in expected.items() if here.endswith("png")]
    compared = pictures.compare(installed.blender, pairs, scratch=tmp_path)
    assert {one.different for one in compared} == {0}
    assert f"2 of 2 frames and {len(expected)} other files of passes are in {tmp_path / 'fetched'}" in fetched.stdout
    for here in found:
        assert (tmp_path / "fetched" / here).read_bytes() == (folder / here).read_bytes()
    shutil.rmtree(plain)
