# SPDX-License-Identifier: GPL-3.0-or-later
"""Luggage: the files that a blend is rendered with and that can't be in it. They lie in a folder beside it.

Where they are, `/` between the names on every system:

    <folder of the job>/shot_010.blend
    <folder of the job>/scene.files/1/walk.0001.png

A job that came over HTTP has a list of them in its folder, `luggage.json`, the hash being Blake2b-256:

    {"scene.files/1/walk.0001.png": {"filesize": 12345, "hash": "…"}}

A farm of `serve` takes them by `PUT /api/files/<hash>`, once, however many jobs have them; `POST /api/files` with
`{"files": {<hash>: <size>}}` is answered by `{"missing": [<hash>]}`, and `"begun": {<hash>: <bytes>}` of those that are
there in part: of them the rest will do, by `Content-Range`. The list is sent as the blend is. Workers ask for
`GET /job/worker/files/<job>`:

    {"blend": "shot_010.blend", "files": {"scene.files/1/walk.0001.png": {"filesize": 12345, "hash": "…"}}}

and for `GET /job/worker/files/<job>/<name>`. The blend of a job that has luggage is given only to who sends the header
TAKES: who doesn't know of luggage would render it without.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .names import WINDOWS_OWN

FOLDER = "scene.files"
"""Beside the blend. No job can be called so."""
LIST = "luggage.json"
TAKES = {"X-Takes": "luggage"}
HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
"""Blake2b-256."""

_MOST = 12  # folders one in the other
_LONGEST = 200, 800  # bytes in UTF-8 of a name, and of all names with what is between them
_UNFIT = re.compile(r'[<>:"/\\|?*]')


@dataclass(frozen=True, slots=True)
class FileBeside:
    """`name`: where it is in the job's folder; `size` in bytes; `hash` is its Blake2b-256 in lower-case hex."""

    name: str
    size: int
    hash: str

    def path(self, folder: Path) -> Path:
        """In the folder of a job."""
        return folder.joinpath(*self.name.split("/"))


@dataclass(frozen=True, slots=True)
class Listed:
    """What a job's folder holds: the name of its `blend`, and its luggage."""

    blend: str
    files: tuple[FileBeside, ...]

    @classmethod
    def from_json(cls, told: object) -> "Listed":
        """Raises ValueError for what can't be meant."""
        if not isinstance(told, Mapping) or not isinstance(told.get("blend"), str) or not is_blend(told["blend"]):
            raise ValueError("it names no blend")
        return cls(told["blend"], files_from_json(told.get("files")))

    def as_json(self) -> dict[str, Any]:
        return {"blend": self.blend, "files": as_json(self.files)}


def fits_everywhere(name: str) -> bool:
    """Whether a file can be called so on every system, and leads nowhere else."""
    return (
        name.isprintable()
        and 0 < len(name.encode("utf-8", "replace")) <= _LONGEST[0]
        and not _UNFIT.search(name)
        and not name.startswith((".", " "))
        and not name.endswith((".", " "))
        and not WINDOWS_OWN.fullmatch(name)
    )


def is_blend(name: str) -> bool:
    return fits_everywhere(name) and name.lower().endswith(".blend")


def is_safe(name: str) -> bool:
    """Whether another machine may call a file of luggage so."""
    first, *others = name.split("/")
    return (
        first == FOLDER
        and 0 < len(others) < _MOST
        and all(map(fits_everywhere, others))
        and len(name.encode()) <= _LONGEST[1]
    )


def as_json(files: tuple[FileBeside, ...]) -> dict[str, Any]:
    return {file.name: {"filesize": file.size, "hash": file.hash} for file in files}


def files_from_json(told: object) -> tuple[FileBeside, ...]:
    """Raises ValueError for what can't be meant, and for names that some disk takes for the same."""
    if not isinstance(told, Mapping):
        raise ValueError("it lists no files")
    files = tuple(_file(name, one) for name, one in told.items())
    names = {file.name.casefold() for file in files}
    if len(names) < len(files):
        raise ValueError("two of its files differ in capital letters only")
    if any(folder in names for name in names for folder in itertools.accumulate(name.split("/")[:-1], "{}/{}".format)):
        raise ValueError("one of its files is in another")
    return files


def _file(name: object, told: object) -> FileBeside:
    size, digest = (told.get("filesize"), told.get("hash")) if isinstance(told, Mapping) else (None, None)
    if not isinstance(name, str) or not is_safe(name):
        raise ValueError(f"{name!r} can be no file of a job")
    if type(size) is not int or size < 0 or not isinstance(digest, str) or not HASH.fullmatch(digest):
        raise ValueError(f"what is said of {name!r} can't be meant")
    return FileBeside(name, size, digest)
