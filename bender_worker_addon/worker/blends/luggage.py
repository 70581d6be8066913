# SPDX-License-Identifier: GPL-3.0-or-later
"""Luggage: a blend and what belongs beside it, in a folder of the job's own, as they come over HTTP.

    <blendpath>/<job>/shot_010.blend
    <blendpath>/<job>/scene.files/1/walk.0001.png
    <blendpath>/<job>/luggage.json      what is in there; see `core/luggage.py`

While it comes the folder has another name. One that is there, of which somebody has deleted something, is filled up.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ...core.errors import BlendError, Remedy
from ...core.luggage import LIST, FileBeside, Listed
from ...core.transfers import BlendReady, unfinished
from ...system import hashing
from ...system.durable import make_durable, make_names_durable
from ...system.files import discard_folder, move, remove
from ...system.folders import goes_by_another_name


def check_is_its_own(place: Path) -> None:
    """Raises BlendError if what is there can be another job's."""
    if goes_by_another_name(place):
        text = f"{place} is that of another job, whose id differs in capital letters only; send this one again"
        raise BlendError(f"the blend can't be stored: {text} under another", Remedy.NONE)


class Arriving:
    """What the job is to have comes into `folder`, that of all blends. Methods raise OSError."""

    def __init__(self, folder: Path, job_id: str, listed: Listed) -> None:
        self._job_id = job_id
        self._place = folder / job_id
        self._part = unfinished(self._place)
        self._listed = listed
        check_is_its_own(self._place)
        self._part.mkdir(parents=True, exist_ok=True)
        self.blend = self._part / listed.blend

    def missing(self) -> Iterator[FileBeside]:
        """What is not here yet, neither in the one folder nor in the other."""
        for file in self._listed.files:
            if not any(_is(file, folder) for folder in (self._place, self._part)):
                yield file

    def see_if_there_is_room(self, missing: Iterable[FileBeside]) -> None:
        """Raises BlendError if there is too little for these."""
        left = sum(file.size for file in missing)
        if left > shutil.disk_usage(self._part).free:
            text = f"the blend needs files of {left / 1e9:.1f} GB, more than are free in {self._place.parent}"
            raise BlendError(text, Remedy.ELSEWHERE)

    def prove(self, file: FileBeside, download: Callable[[Path], object]) -> None:
        """Has one come, and believes it only if it is what was sent. What breaks off goes on the next time. Raises
        BlendError."""
        path = file.path(self._part)
        path.parent.mkdir(parents=True, exist_ok=True)
        arriving = unfinished(path)
        try:
            if not arriving.exists() or arriving.stat().st_size < file.size:
                download(arriving)
            if not _has_hash(arriving, file.hash):
                raise BlendError(f"{file.name} is not what was sent with the job: its hash is another", Remedy.RETRY)
            make_durable(arriving, path)
        except BlendError as error:
            if error.remedy is not Remedy.WAIT:
                remove(arriving)
            words = f"{file.name}, a file that the blend needs: {error}"
            raise BlendError(words, error.remedy, retry_after=error.retry_after) from error

    def arrive(self) -> BlendReady:
        """All of it is here: it gets its place."""
        (self._part / LIST).write_text(json.dumps(self._listed.as_json()), encoding="utf-8")
        for name in (self._listed.blend, LIST):
            make_durable(self._part / name, self._part / name)
        if self._place.exists():
            for path in sorted(self._part.rglob("*")):
                if path.is_file():
                    target = self._place / path.relative_to(self._part)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    move(path, target)
            discard_folder(self._part)
        else:
            move(self._part, self._place)
        make_names_durable(self._place.parent)
        return BlendReady(self._job_id, size_of(self._place, self._listed), self._place / self._listed.blend)

    def discard(self) -> None:
        discard_folder(self._part)


def listed_in(folder: Path) -> Listed:
    """What a folder holds that has come so. Raises OSError if it is none."""
    try:
        return Listed.from_json(json.loads((folder / LIST).read_bytes()))
    except (ValueError, RecursionError) as error:
        raise FileNotFoundError(f"{folder / LIST} is damaged") from error


def size_of(folder: Path, listed: Listed) -> int:
    """Bytes of it all. Raises OSError if something is missing."""
    for file in listed.files:
        if file.path(folder).stat().st_size != file.size:
            raise FileNotFoundError(f"{file.name} is not as it was")
    return (folder / listed.blend).stat().st_size + sum(file.size for file in listed.files)


def _is(file: FileBeside, folder: Path) -> bool:
    path = file.path(folder)
    return path.is_file() and path.stat().st_size == file.size and _has_hash(path, file.hash)


def _has_hash(path: Path, digest: str) -> bool:
    with path.open("rb") as opened:
        return hashing.name_of(opened) == digest
