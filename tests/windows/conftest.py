# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender 4.2 for Windows, as the Python module bpy, under Wine: by a script that is called as a Blender is."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.conftest import blend, scene
from tools.check import windows
from tools.errors import ToolError
from tools.places import PROJECT

__all__ = ["blend", "scene"]

PROGRAM = Path(__file__).parent / "inside_blender" / "bender_command.py"


@pytest.fixture(scope="session")
def windows_blender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`--command bender_worker WORD ...` may follow, as after `blender`."""
    try:
        packages = windows.bpy_packages()
        with windows.windows() as place:
            script = tmp_path_factory.mktemp("windows") / "blender"
            settings = [f"{name}={value}" for name, value in place.settings(packages).items()]
            words = ["exec", "env", *settings, *place.command(PROGRAM, PROJECT)]
            script.write_text(f'#!/bin/sh\ncd {shlex.quote(str(PROJECT))}\n{shlex.join(words)} "$@"\n')
            script.chmod(0o755)
            yield script
    except ToolError as error:
        pytest.skip(f"Windows' bpy: {error}")
