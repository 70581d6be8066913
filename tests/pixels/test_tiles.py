# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample of `build.py pixels --tiles`: pictures that show much, each put together from tiles, are the whole ones, in
all passes that Blender knows, and nothing is to be seen in none of these."""

import json
from pathlib import Path

import pytest

from tools.check import testing, tiled

STAGES = ["vectors", "everything", "bordered", "large_and_sampled_as_needed"]


@pytest.mark.parametrize("version", testing.VERSIONS)
def test_a_picture_in_tiles_is_the_whole_one_in_all_its_passes(
    tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    testing.blender_for(version)
    assert tiled.run([version], stages=STAGES, folder=tmp_path, properties=[]) == 0
    assert capsys.readouterr().out == f"{version}: 4 tried: 4 same\n"
    told = [json.loads(line) for line in (tmp_path / f"tiles-{version}.jsonl").read_text().splitlines()]
    empty = {one["stage"]: set(one["words"].split("; ")) for one in told if "result" in one}
    assert empty["vectors"] & empty["everything"] == set()
