# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual environment of the tests, in the cache. Knows nothing of the tests themselves."""

import hashlib
import os
import shutil
import sys
import tomllib
import venv
from pathlib import Path

from tools.build import wheels
from tools.build.pip import pip
from tools.places import PROJECT, cache_folder, locked
from tools.process import run_logged, say

TIMEOUT = 1800.0


def python() -> Path:
    """The Python of the tests' virtual environment; made if missing or if what is pinned changed."""
    pinned = _pinned()
    key = "\n".join([sys.version, *pinned, wheels.LOCK.read_text(encoding="utf-8")])
    folder = cache_folder() / f"environment-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    with locked("environment"):
        if not (folder / "made").is_file():
            _make(folder, pinned)
    return _python_in(folder)


def _make(folder: Path, pinned: list[str]) -> None:
    say(f"Making the tests' virtual environment in {folder}: about 300 MB, half a minute, only this once.")
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, symlinks=os.name != "nt", with_pip=False)
    run_logged(
        [*pip(), "--python", _python_in(folder), "install", "--no-input", *pinned, *wheels.verified()],
        doing="installing pytest and its companions",
        log=cache_folder() / "environment.log",
        timeout=TIMEOUT,
    )
    (folder / "made").touch()


def _pinned() -> list[str]:
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    pinned: list[str] = groups["dev"]
    return pinned


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
