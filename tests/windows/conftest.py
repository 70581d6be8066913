# SPDX-License-Identifier: GPL-3.0-or-later
"""Python for Windows, and a Blender 4.2 for it as the module bpy, under Wine: each by a script that is called as it
would be."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.conftest import blend, scene
from tools.build import pyz
from tools.check import windows
from tools.errors import ToolError
from tools.places import PROJECT

__all__ = ["blend", "scene"]

PROGRAM = Path(__file__).parent / "inside_blender" / "bender_command.py"


@pytest.fixture(scope="session")
def place() -> Iterator[windows.Windows]:
    try:
        with windows.windows() as made:
            yield made
    except ToolError as error:
        pytest.skip(f"Windows' Python: {error}")


@pytest.fixture(scope="session")
def windows_python(place: windows.Windows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words may follow as after `python`."""
    return _script(tmp_path_factory.mktemp("windows") / "python", place, place.settings())


@pytest.fixture(scope="session")
def windows_blender(place: windows.Windows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`--command bender_worker WORD ...` may follow, as after `blender`."""
    try:
        settings = place.settings(windows.bpy_packages())
    except ToolError as error:
        pytest.skip(f"Windows' bpy: {error}")
    return _script(tmp_path_factory.mktemp("windows") / "blender", place, settings, PROGRAM, PROJECT)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The farm's server as one file."""
    return pyz.build(folder=tmp_path_factory.mktemp("dist"))


def _script(script: Path, place: windows.Windows, settings: dict[str, str], *words: Path) -> Path:
    variables = [f"{name}={value}" for name, value in settings.items()]
    command = shlex.join(["exec", "env", *variables, *place.command(*words)])
    script.write_text(f'#!/bin/sh\ncd {shlex.quote(str(PROJECT))}\n{command} "$@"\n')
    script.chmod(0o755)
    return script
