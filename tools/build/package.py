# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension: staged, validated, zipped and installed by a real Blender. Nothing else is shipped."""

import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tools.build import wheels
from tools.errors import ToolError
from tools.places import PROJECT

PACKAGE = PROJECT / "bender_worker_addon"
MODULE = "bl_ext.user_default.bender_worker_addon"
TIMEOUT = 180.0


def build(blender: Path, *, folder: Path = PROJECT / "dist") -> Path:
    """Stage manifest, package and wheels together; Blender validates and zips them. Returns the zip's path."""
    manifest = tomllib.loads(wheels.MANIFEST.read_text(encoding="utf-8"))
    archive = folder / f"{manifest['id']}-{manifest['version']}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bender-worker-build-") as scratch:
        stage = staged(Path(scratch) / "stage")
        fresh = Path(scratch) / archive.name
        env = environment_of(Path(scratch) / "user")
        _extension(blender, "validate", stage, env=env)
        _extension(blender, "build", "--source-dir", stage, "--output-filepath", fresh, env=env)
        shutil.move(fresh, archive)
    return archive


def install(blender: Path, archive: Path, user_folder: Path | None = None) -> dict[str, str]:
    """Install and enable the zip. Returns the environment in which that Blender has it.

    With a `user_folder` it goes there, as for a user of its own; without one, to the person who runs this.
    """
    env = environment_of(user_folder) if user_folder else dict(os.environ)
    _extension(blender, "install-file", "--repo", "user_default", "--enable", archive, env=env)
    return env


def environment_of(user_folder: Path) -> dict[str, str]:
    """The environment of a Blender whose user lives in `user_folder`, which is made if missing."""
    user_folder.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith("BLENDER_USER_")}
    return own | {"BLENDER_USER_RESOURCES": str(user_folder)}


def staged(folder: Path) -> Path:
    """The folder, made, with all that the extension consists of."""
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(wheels.MANIFEST, folder)
    shutil.copy(PROJECT / "LICENSE", folder)
    (folder / "wheels").mkdir()
    for wheel in wheels.verified():
        shutil.copy(wheel, folder / "wheels")
    return folder


def _extension(blender: Path, *words: str | Path, env: Mapping[str, str]) -> None:
    command = [str(blender), "--command", "extension", *map(str, words)]
    answer = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
    )
    if answer.returncode:
        raise ToolError(f"`extension {words[0]}` failed in {blender}:\n{answer.stdout.strip()}")
