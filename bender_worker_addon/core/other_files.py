# SPDX-License-Identifier: GPL-3.0-or-later
"""Other files: those that a blend's File Output nodes write with a frame, passes for the most part.

Where they are, `/` between the names on every system:

    <folder of a child's frames>/000121.files/passes/Image0121.png    while the frame is in the making
    <outpath>/<job>/passes/Image0121.png                              beside 000121.png, once it is stored

In a task's JSON, beside a frame's own `filesize` and `hash`, as far as there are such files:

    "files": {"passes/Image0121.png": {"filesize": 12345, "hash": "…"}}

They go to a farm of `serve` before their frame does, by `PUT /job/<job>/<task>/other/passes/Image0121.png` with the
hash in the header `X-Blake2b`; it answers `GET /job/<job>/<task>/other` by TAKES_OTHERS, as flaskbender, which knows no
such files, never does.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .frame import FORMATS
from .names import WINDOWS_OWN

TAKES_OTHERS = '{"takes": "other files"}'
EXTENSIONS = frozenset(f".{kind.extension}" for kind in FORMATS.values()) | {".j2c"}
_MOST = 8  # folders one in the other
_LONGEST, _END = 100, 40  # letters of a name, and those of its end that one is known by that is longer
_OTHERS = re.compile(r"[^\w #%&()+,=@\[\]{}^~.-]")
_HASH = re.compile(r"[0-9a-f]{128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OtherFile:
    """`name`: where it is in the job's folder; `size` in bytes, `hash` its Blake2b-512 in lower-case hex."""

    name: str
    size: int
    hash: str

    def path(self, folder: Path) -> Path:
        """In the folder of a job's frames."""
        return folder.joinpath(*self.name.split("/"))


def safe_name(parts: tuple[str, ...]) -> str:
    """How a file is called in a job's folder that is called so in its own: by names that mean the same on every system
    and lead nowhere else. Empty if it can't be kept: it is no picture, or would be among the frames."""
    parts = tuple(unicodedata.normalize("NFC", part) for part in parts)  # to macOS the others are the same
    names = [part if len(part) <= _LONGEST else part[: _LONGEST - _END] + part[-_END:] for part in parts]
    names = [_OTHERS.sub("_", name).strip(" ").rstrip(". ") for name in names]
    names = [f"_{name}" if name.startswith(".") or WINDOWS_OWN.fullmatch(name) else name or "_" for name in names]
    name = "/".join(names)
    return name if is_safe(name) else ""


def is_safe(name: str) -> bool:
    """Whether another machine may call a file so that is to be in a job's folder."""
    parts = name.split("/")
    return (
        2 <= len(parts) <= _MOST
        and Path(parts[-1]).suffix.lower() in EXTENSIONS
        and all(0 < len(part) <= _LONGEST + 1 and not _OTHERS.search(part) for part in parts)
        and not any(part.startswith((".", " ")) or part.endswith((".", " ")) for part in parts)
        and not any(WINDOWS_OWN.fullmatch(part) for part in parts)
    )


def as_json(files: tuple[OtherFile, ...]) -> dict[str, Any]:
    return {file.name: {"filesize": file.size, "hash": file.hash} for file in files}


def from_json(told: object) -> tuple[OtherFile, ...]:
    """What can be no such file is passed over: it may have come from anywhere."""
    if not isinstance(told, Mapping):
        return ()
    found = ((name, one.get("filesize"), one.get("hash")) for name, one in told.items() if isinstance(one, Mapping))
    return tuple(
        OtherFile(name, size, digest)
        for name, size, digest in found
        if isinstance(name, str) and is_safe(name) and type(size) is int and size >= 0
        if isinstance(digest, str) and _HASH.fullmatch(digest)
    )
