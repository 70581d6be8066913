# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python 3.11 that can import the bpy of Blender 4.2, the oldest we promise. Nothing of what is tried with it."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tools.build.pip import pip
from tools.debian import Root
from tools.errors import ToolError
from tools.places import cache_folder, locked
from tools.process import run_logged, say

VERSION = "4.2.23"
PYTHON = "3.11"
ROOT = Root(
    name=f"python-{PYTHON}",
    suite="bookworm",
    packages=(
        "python3",
        "libegl1",
        "libgl1",
        "libgomp1",
        "libice6",
        "libsm6",
        "libx11-6",
        "libxfixes3",
        "libxi6",
        "libxkbcommon0",
        "libxrender1",
        "libxxf86vm1",
    ),
    megabytes=400,
)


def python() -> Path:
    """The path of that Python. Raises ToolError with the reason where there can be none."""
    if os.name != "posix":
        raise ToolError("the bpy wheel is tried on Linux and macOS only")
    folder = cache_folder() / f"bpy-{VERSION}"
    with locked("bpy"):
        packages = folder / "site-packages"
        if not (folder / "made").is_file():
            _fetch(packages)
            (folder / "made").touch()
        script = folder / "python"
        if not script.is_file() or _complaint(script):
            _write(script, packages, _own_interpreter())
            if _complaint(script):  # it lacks a library: a Debian of our own has them
                _write(script, packages, ROOT.program(f"/usr/bin/python{PYTHON}"))
        if complaint := _complaint(script):
            raise ToolError(complaint)
        return script


def _fetch(packages: Path) -> None:
    say(f"Fetching bpy {VERSION} into {packages}: 350 MB, 1 GB unpacked, a minute or two, only this once.")
    shutil.rmtree(packages, ignore_errors=True)
    run_logged(
        [
            *pip(),
            "install",
            "--no-input",
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={PYTHON}",
            f"--target={packages}",
            f"bpy=={VERSION}",
        ],
        doing=f"fetching bpy {VERSION}",
        log=packages.with_name("log"),
        timeout=1800,
    )


def _own_interpreter() -> Path:
    if sys.version.startswith(f"{PYTHON}."):
        return Path(sys.executable)
    if found := shutil.which(f"python{PYTHON}"):
        return Path(found)
    return ROOT.program(f"/usr/bin/python{PYTHON}")


def _write(script: Path, packages: Path, interpreter: Path) -> None:
    words = shlex.join(["exec", "env", f"PYTHONPATH={packages}", str(interpreter)])
    script.write_text(f'#!/bin/sh\n{words} "$@"\n')
    script.chmod(0o755)


def _complaint(script: Path) -> str:
    """What this Python says against importing bpy; empty if it can."""
    answer = subprocess.run([script, "-c", "import bpy"], capture_output=True, text=True, timeout=120)
    return answer.stderr.strip().rpartition("\n")[2] if answer.returncode else ""
