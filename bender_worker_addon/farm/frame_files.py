# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame files: what the books say of the files of a job's frames, of those written with them too, and which of them are
there."""

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import other_files
from ..core.frame import FORMATS, frame_name

_HASH = re.compile(r"[0-9a-f]{128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FrameFile:
    """A frame whose file is known, or what was written with it: `name`: where it is in the job's folder; `size` in
    bytes, `hash` its Blake2b-512 in lower-case hex."""

    number: int
    name: str
    size: int
    hash: str


def tasks(connection: sqlite3.Connection, job: str) -> Iterator[dict[str, Any]]:
    """All that workers have told of the tasks of a job, inside a transaction of the Database."""
    bodies = connection.execute(
        "SELECT body FROM frame_task WHERE job = ? AND status <> 'Waiting' ORDER BY number", (job,)
    )
    return (json.loads(body) for (body,) in bodies)


def of_task(task: Mapping[str, Any]) -> Iterator[FrameFile]:
    """What a task as it was reported says of the files of its frames; what can be none is passed over."""
    image_format = _object(_object(task.get("command")).get("Blender")).get("image_format")
    if image_format not in FORMATS:
        return
    for number, told in _frames_of(task):
        name = frame_name(number, image_format)
        with suppress(ValueError):  # it is not rendered yet, or that was badly told
            yield file_of(number, name, told.get("filesize"), told.get("hash"))


def others_of_task(task: Mapping[str, Any]) -> Iterator[FrameFile]:
    """The same of the files that were written with them."""
    for number, told in _frames_of(task):
        for file in other_files.from_json(told.get("files")):
            yield FrameFile(number, file.name, file.size, file.hash)


def file_of(number: object, name: object, size: object, digest: object) -> FrameFile:
    """One that another machine tells of. Raises ValueError for what can be none: its name goes into paths."""
    if not (isinstance(number, int) and isinstance(size, int) and isinstance(digest, str) and size >= 0 <= number):
        raise ValueError("no frame")
    names = {frame_name(number, image_format) for image_format in FORMATS}
    if not (name in names or other_files.is_safe(str(name))) or not _HASH.fullmatch(digest):
        raise ValueError("no frame's name or hash")
    return FrameFile(number, str(name), size, digest)


def there(files: Iterable[FrameFile], folder: Path) -> list[FrameFile]:
    """Those in the folder that have the size that is known of them, in the order of their numbers."""
    files = list(files)
    sizes: dict[str, int] = {}
    for part in {file.name.rpartition("/")[0] for file in files}:
        with suppress(FileNotFoundError), os.scandir(folder / part) as entries:
            before = f"{part}/" if part else ""
            sizes |= {f"{before}{entry.name}": entry.stat().st_size for entry in entries if entry.is_file()}
    return sorted((file for file in files if sizes.get(file.name) == file.size), key=lambda file: file.number)


def _frames_of(task: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    frames = _object(_object(_object(task.get("command")).get("Blender")).get("frame"))
    return ((int(number), told) for number, told in frames.items() if number.isdecimal() and isinstance(told, dict))


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
