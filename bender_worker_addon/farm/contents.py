# SPDX-License-Identifier: GPL-3.0-or-later
"""Contents: the luggage of the farm's jobs as it came: each file once, called by its hash, however many jobs have it.

A job's own folder holds it under its own name, as another name of the same file where the disk can do that. What no job
has any more goes with the last of them; see `core/luggage.py`.
"""

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ..core.luggage import LIST, FileBeside, files_from_json
from ..system.files import remove

_FOLDER = ".files"  # beside the jobs: none can be called so
_KEPT = 24 * 3600.0  # seconds that what came of a job stays that was not sent to the end


class Lost(Exception):
    """A file that a job is to have is not here."""


class Contents:
    """Of the farm whose jobs are in the folder `jobs`."""

    def __init__(self, jobs: Path) -> None:
        self._folder = jobs / _FOLDER

    def place(self, digest: str) -> Path:
        """Where the content of this hash is, or is to be."""
        return self._folder / digest

    def begun(self, digest: str) -> Path:
        """What has come of it, where that broke off."""
        return self._folder / f"{digest}.part"

    def how_far(self, digests: Iterable[str]) -> dict[str, int]:
        """Bytes of those that are here in part."""
        return {digest: size for digest in digests if (size := _size(self.begun(digest)))}

    def missing(self, sizes: Mapping[str, int]) -> list[str]:
        """Those of these hashes, told with their sizes in bytes, that are not here."""
        return [digest for digest, size in sizes.items() if _size(self.place(digest)) != size]

    def put_into(self, folder: Path) -> None:
        """Gives a job its luggage, by the list in its folder. Raises Lost; ValueError for a list that can't be meant;
        OSError."""
        copied = set[Path]()
        for file in listed_in(folder):
            content, target = self.place(file.hash), file.path(folder)
            if _size(content) != file.size:
                raise Lost(file.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            remove(target)
            try:
                os.link(content, target)
            except OSError:  # a disk that knows no other names of a file
                shutil.copyfile(content, target)
                copied.add(content)
        for content in copied:
            remove(content)

    def forget(self, files: Iterable[FileBeside]) -> None:
        """What a job had that is deleted now; what another has stays."""
        for file in files:
            with suppress(OSError):
                if self.place(file.hash).stat().st_nlink == 1:
                    remove(self.place(file.hash))

    def remove_unused(self) -> None:
        """What came of jobs that were never sent to the end, unless somebody may still be about to."""
        with suppress(OSError):
            for content in self._folder.iterdir():
                known = content.stat()
                if known.st_nlink == 1 and time.time() - known.st_mtime > _KEPT:
                    remove(content)


def listed_in(folder: Path) -> tuple[FileBeside, ...]:
    """The luggage of the job whose folder that is; none where no list is. Raises ValueError, OSError."""
    try:
        return files_from_json(json.loads((folder / LIST).read_bytes()))
    except FileNotFoundError:
        return ()
    except RecursionError as error:
        raise ValueError("the list can't be meant") from error


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
