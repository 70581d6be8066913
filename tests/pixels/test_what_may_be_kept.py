# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample of `build.py pixels`: it finds what Cycles does not look at again, and the committed table says otherwise of
nothing."""

import argparse
from pathlib import Path

import pytest

from tools.blenders import blenders
from tools.check import pixels

STAGES = ["data_shape_keys", "object_parent", "nodes_that_move", "baked_explosion"]


def test_what_is_proven_is_so_and_what_differs_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = argparse.Namespace(
        only=blenders.DEFAULT, stages=STAGES, results=tmp_path, write=False, files=None, tiles=False
    )
    assert pixels.run(arguments) == 0
    told = capsys.readouterr().out
    assert "Object.rotation_mode different (4.3: object_parent, 4.3-blurred: object_parent)" in told
    assert "baked_explosion different" in told


def test_a_table_that_promises_too_much_is_found_out() -> None:
    found = [
        pixels.Found("4.3", blurred=False, stage="one", kind="Object.location", result="different"),
        pixels.Found("4.3", blurred=False, stage="two", kind="Object.location", result="same"),
        pixels.Found("4.3", blurred=False, stage="two", kind="Object.scale", result="same"),
        pixels.Found("4.3", blurred=True, stage="two", kind="Object.scale", result="unseen"),
    ]
    proven = pixels.Proven.by(found)
    assert proven.properties == frozenset()
    assert proven.properties_unless_blurred == {"Object.scale"}
    assert pixels.report(found) == 1
