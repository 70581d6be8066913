# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a Blender that runs here, or making one. Knows nothing of what is done with it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tools.debian import Root, why_not_here
from tools.errors import ToolError
from tools.process import say

OLDEST = (4, 2)
DEFAULT = "4.3"

_PACKAGES = (
    "blender",
    "python3-pytest",
    "python3-requests",
    "libgl1",
    "libopengl0",
    "libgl1-mesa-dri",
    "libegl1",
    "libegl-mesa0",
)
ROOTS = {
    "4.3": Root(name="blender-4.3", suite="trixie", packages=_PACKAGES, megabytes=1100),
    "5.2": Root(name="blender-5.2", suite="sid", packages=(*_PACKAGES, "python3-cattr"), megabytes=1000),
}


def find(explicit: str | Path | None = None, version: str | None = None) -> Path:
    """A Blender >= 4.2 that runs here: `explicit`, `$BLENDER`, `PATH`, in that order; else one is made.

    `version` is like "4.3": only such a one will do. Raises ToolError if none can be had.
    """
    if explicit:
        return _demanded(explicit, version)
    if named := os.environ.get("BLENDER"):
        blender = _demanded(named, None)
        if _fits(version_of(blender), version):
            return blender
        say(f"Passed over: $BLENDER, {blender}, is not Blender {version}.")
    if on_path := shutil.which("blender"):
        blender = Path(on_path).absolute()
        if _runs_and_fits(blender, version):
            return blender
    return _made(version or DEFAULT)


def version_of(blender: Path) -> tuple[int, int]:
    """What `blender --version` says: (4, 3). Raises ToolError if it says nothing of the kind."""
    try:
        answer = subprocess.run([blender, "--version"], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{blender} does not run: {error}") from error
    match = re.search(r"^Blender (\d+)\.(\d+)", answer.stdout, re.MULTILINE)
    if not match:
        said = (answer.stderr or answer.stdout).strip().partition("\n")[0]
        raise ToolError(f"{blender} is no Blender that runs here; it says: {said or 'nothing'}")
    return int(match[1]), int(match[2])


def _demanded(blender: str | Path, version: str | None) -> Path:
    located = shutil.which(blender)
    if not located:
        raise ToolError(f"There is no program {blender}.")
    path = Path(located).absolute()
    found = version_of(path)
    if not _fits(found, version):
        raise ToolError(f"{path} is Blender {_dotted(found)}, but {version or '4.2 or newer'} is needed.")
    return path


def _runs_and_fits(blender: Path, version: str | None) -> bool:
    try:
        found = version_of(blender)
    except ToolError as error:
        say(f"Passed over: {error}")
        return False
    if not _fits(found, version):
        say(f"Passed over: {blender} is Blender {_dotted(found)}, not {version or '4.2 or newer'}.")
    return _fits(found, version)


def _fits(found: tuple[int, int], version: str | None) -> bool:
    return found >= OLDEST and version in (None, _dotted(found))


def _dotted(version: tuple[int, int]) -> str:
    return "{}.{}".format(*version)


def _made(version: str) -> Path:
    root = ROOTS.get(version)
    if not root:
        raise ToolError(f"No Blender {version} found; give its path with --blender (can be made: {', '.join(ROOTS)}).")
    if not root.made() and (why_not := why_not_here()):
        raise ToolError(
            f"No Blender {version} found, and none can be made: {why_not}. "
            "Install Blender 4.2 or newer and give its path with --blender or in $BLENDER."
        )
    blender = root.program("/usr/bin/blender")
    found = _dotted(version_of(blender))
    if found != version:
        raise ToolError(f"Debian {root.suite} now brings Blender {found}, not {version}; give one with --blender.")
    return blender
