# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blenders and between the ways they can be installed. Nothing else in this package asks."""

import sys
import tomllib
from pathlib import Path

import bpy

from .. import __package__ as base_package

_CHILD = Path(__file__).resolve().parents[1] / "render_child" / "start.py"


def child_command(*, low_priority: bool = False) -> list[str]:
    """A command that starts a render child in a background Blender like this one, with nothing of the user's in it.
    More options of the child's own may follow."""
    own = ["--", *(["--low-priority"] if low_priority else [])]
    if not bpy.app.binary_path:  # bpy as a Python module
        return [sys.executable, str(_CHILD), *own]
    options = ["-b", "--factory-startup", "-noaudio", "--disable-autoexec", "--offline-mode"]
    return [bpy.app.binary_path, *options, "--python-exit-code", "1", "--python", str(_CHILD), *own]


def about() -> dict[str, str]:
    """What a farm may know of this Blender and of this add-on."""
    return {"blender": bpy.app.version_string, "version": _own_version()}


def _own_version() -> str:
    manifest = Path(__file__).resolve().parents[1] / "blender_manifest.toml"
    try:
        return str(tomllib.loads(manifest.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):  # as it stands in a repository, the manifest is a folder above
        return ""


def own_command() -> list[str]:
    """Starts a background Blender that does what `blender --command bender_worker` would, once it is told the words by
    a line of JSON on its stdin; without one it ends. It has factory settings and needs nothing of the user's, not even
    that the add-on was enabled for good."""
    headless = f"{base_package}.blender.headless"
    script = (
        f"import addon_utils, importlib, sys; addon_utils.enable({base_package!r});"
        f" sys.exit(importlib.import_module({headless!r}).main_when_told())"
    )
    online = ["--online-mode"] if bpy.app.online_access else []
    options = ["-b", "--factory-startup", *online, "-noaudio", "--disable-autoexec", "--python-expr", script]
    return [bpy.app.binary_path, *options]
