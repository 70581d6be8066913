# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's server as one file for any Python from 3.11 on: what of the add-on needs no Blender, wheels, and the
add-on as machines install it from their farm."""

import shutil
import tempfile
import zipapp
import zipfile
from pathlib import Path

from bender_worker_addon.server.extension import ARCHIVE, zipped
from tools.build import package, wheels
from tools.places import PROJECT

NAME = "bender-farm.pyz"

_PACKAGE = PROJECT / "bender_worker_addon"
_LEFT_OUT = ("blender", "render_child", "worker")  # of the add-on: what needs a Blender
_MAIN = """import sys

if sys.version_info < (3, 11):
    sys.exit(f"bender-farm needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

from bender_worker_addon.server.standalone import main

sys.exit(main(sys.argv[1:]))
"""


def build(*, folder: Path = PROJECT / "dist") -> Path:
    """Makes it in `folder`; gives its path. Raises ToolError if the wheels are not those that are pinned."""
    target = folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        stage = Path(made)
        shutil.copytree(_PACKAGE, stage / _PACKAGE.name, ignore=_left_out)
        for wheel in wheels.verified():
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(stage)
        (stage / _PACKAGE.name / ARCHIVE).write_bytes(zipped(package.staged(stage / "extension")))
        shutil.rmtree(stage / "extension")
        (stage / "__main__.py").write_text(_MAIN, encoding="utf-8")
        zipapp.create_archive(stage, target, interpreter="/usr/bin/env python3", compressed=True)
    return target


def _left_out(folder: str, _names: list[str]) -> set[str]:
    return {"__pycache__", *(_LEFT_OUT if Path(folder) == _PACKAGE else ())}
