# SPDX-License-Identifier: GPL-3.0-or-later
"""Colors: with which OCIO configuration this Blender works, its own or another, told by what is in it and not by where
it is."""

import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import bpy

STOCK = "blender"
"""Of a Blender that works with the configuration it came with, of whatever version."""

_SEARCHED = re.compile(r"^search_path:[ \t]*(.*(?:\n[ \t]*- .*)*)\n?", re.MULTILINE)
_FILE = re.compile(r"\bsrc:[ \t]*(\"[^\"\n]*\"|'[^'\n]*'|[^,}\n]+)")
_REMARK = re.compile(r"^[ \t]*#.*\n?", re.MULTILINE)


def own_configuration() -> Path | None:
    """The configuration this Blender works with, if it is not the one it came with."""
    utils: Any = bpy.utils
    own = Path(os.environ.get("OCIO") or utils.user_resource("DATAFILES", path="colormanagement"))
    return own if own.exists() and not own.is_relative_to(_stock()) else None  # Blender 5 sets $OCIO to its own


def fingerprint() -> str:
    """The same for all who make the same colours: `STOCK`, or 32 letters of hex; "" if that can't be known."""
    own = own_configuration()
    try:
        return STOCK if own is None or _of(own) == _of(_stock()) else _of(own)
    except OSError:
        return ""


def unlike(told: str) -> str:
    """How the colours of who has the fingerprint `told` may be other than here, in words; "" if they are not."""
    here = fingerprint()
    if not told or not here or told == here:
        return ""
    if here == STOCK:
        return "it was sent with the colours of an OCIO configuration that this Blender has not"
    return f"it was sent with the colours of another OCIO configuration than this Blender's, {own_configuration()}"


def _stock() -> Path:
    utils: Any = bpy.utils
    return Path(utils.system_resource("DATAFILES", path="colormanagement"))


@cache
def _of(place: Path) -> str:
    """Of a configuration and the tables it names, wherever these are. Raises OSError."""
    file = place / "config.ocio" if place.is_dir() else place
    content = file.read_bytes()
    digest = hashlib.blake2b(digest_size=16)
    if file.suffix != ".ocio":  # an archive of all
        digest.update(content)
        return digest.hexdigest()
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    searched = _SEARCHED.search(text)
    text = _REMARK.sub("", _SEARCHED.sub("", text))
    digest.update(text.encode())
    folders = [file.parent, *(file.parent / os.path.expandvars(name) for name in _names(searched))]
    for name in dict.fromkeys(found.strip(" \"'") for found in _FILE.findall(text)):
        table = next((path for folder in folders if (path := folder / name).is_file()), None)
        digest.update(b"" if table is None else hashlib.blake2b(table.read_bytes()).digest())
    return digest.hexdigest()


def _names(searched: re.Match[str] | None) -> Iterator[str]:
    """The folders in which tables are searched."""
    if searched is not None:
        first, *others = searched[1].split("\n")
        names = [line.strip().removeprefix("- ") for line in others] or first.split(":")
        yield from (name.strip(" \"'") for name in names if name.strip())
