# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews: small pictures of frames that a child has made, kept until they are with who shows them. A frame without
one is a frame, too: whatever goes wrong here is passed over."""

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from ...core.preview import FOLDER, MOST, OF_TILE, is_preview, name_of
from ...core.tile import folder_of
from ...system.files import move, remove, remove_folder

log = logging.getLogger(__name__)


class Previews:
    """`waiting`: the folder of those that are still to be sent. With `jobs` they go into the folders of the jobs there,
    for a server on this machine, and none waits."""

    def __init__(self, waiting: Path, *, jobs: Path | None = None) -> None:
        self._waiting = waiting
        self._jobs = jobs

    def take(self, rendered: Path, job_id: str, number: int, *, tile: str = "") -> None:
        """Keeps that of a frame which a child has `rendered`, if it has made one that is one. `tile`: the id of its
        task, if it is one of a tile."""
        try:
            with rendered.with_name(f"preview-{rendered.stem}.jpg").open("rb") as file:
                content = file.read(MOST + 1)
        except OSError:
            return
        if not is_preview(content):
            log.debug("what should be a preview of frame %d of job %s is none", number, job_id)
            return
        place = self._place(job_id, number, tile)
        arriving = place.with_name(f".{place.name}")
        try:
            place.parent.mkdir(parents=self._jobs is None or bool(tile), exist_ok=True)
            arriving.write_bytes(content)
            move(arriving, place)
        except OSError as error:
            log.debug("the preview of frame %d of job %s can't be kept: %s", number, job_id, error)

    def of(self, job_id: str, number: int, *, tile: str = "") -> bytes:
        """The one that waits; empty if there is none."""
        try:
            return b"" if self._jobs is not None else self._place(job_id, number, tile).read_bytes()
        except OSError:
            return b""

    def sent(self, job_id: str, numbers: Iterable[int], *, tile: str = "") -> None:
        """They wait no longer."""
        if self._jobs is not None:
            return
        for number in numbers:
            with contextlib.suppress(OSError):
                remove(self._place(job_id, number, tile))
        with contextlib.suppress(OSError):  # others are in it
            (self._waiting / job_id).rmdir()

    def clear(self) -> None:
        """None waits for anything."""
        if self._waiting.is_dir():
            with contextlib.suppress(OSError):
                remove_folder(self._waiting)

    def _place(self, job_id: str, number: int, tile: str) -> Path:
        if self._jobs is None:
            return self._waiting / job_id / (f"{tile}.jpg" if tile else name_of(number))
        return folder_of(self._jobs, job_id, tile) / OF_TILE if tile else self._jobs / job_id / FOLDER / name_of(number)
