# SPDX-License-Identifier: GPL-3.0-or-later
"""Luggage: sends a farm over HTTP what a job has beside its blend: what the farm lacks, and once. See
`core/luggage.py`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..core.errors import FarmError
from ..core.luggage import FOLDER, LIST, FileBeside, as_json, files_from_json
from ..system import hashing
from .answers import understood
from .client import Client, Refused
from .site import Progress

_LARGE = 16 << 20  # bytes; what is smaller is sent whole again
_AT_ONCE = 5_000  # files that are asked after at once


class Luggage:
    """That in `room`, where a job's files are. Raises FarmError."""

    def __init__(self, room: Path) -> None:
        self._room = room
        paths = sorted(path for path in (room / FOLDER).rglob("*") if path.is_file())
        self._files = [_known(path, path.relative_to(room).as_posix()) for path in paths]
        if not paths:
            return
        told = as_json(tuple(self._files))
        try:
            files_from_json(told)
        except ValueError as error:
            raise FarmError(f"the files that the blend needs can't be sent along: {error}; rename them") from error
        (room / LIST).write_text(json.dumps(told), encoding="utf-8")

    def send(self, client: Client, told: Progress, persistently: Callable[[Callable[[], None]], None]) -> None:
        """Sends what the farm lacks of it. What breaks off does so again and again for `persistently`."""
        lacking = list(self._lacking(client))
        before, of = 0, sum(file.size for file in lacking)
        for file in lacking:
            persistently(partial(self._put, client, file, partial(_tell, told, before, of)))
            before += file.size

    def _lacking(self, client: Client) -> Iterator[FileBeside]:
        by_hash = {file.hash: file for file in self._files}
        files = list(by_hash.values())
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            answer = client.ask("POST", "/api/files", {"files": {file.hash: file.size for file in some}})
            yield from (by_hash[digest] for digest in understood(_missing, answer) if digest in by_hash)

    def _put(self, client: Client, file: FileBeside, told: Progress) -> None:
        path = file.path(self._room)
        begun = _begun(client, file) if file.size > _LARGE else 0
        try:
            client.put(f"/api/files/{file.hash}", path, {}, told, begun)
        except Refused as refusal:
            if begun and refusal.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT):
                return client.put(f"/api/files/{file.hash}", path, {}, told)  # whatever had come, it was no part of it
            if refusal.status == HTTPStatus.BAD_REQUEST and _known(path, file.name) != file:
                raise FarmError(f"{path.resolve()} has changed while it was sent: send the job again") from refusal
            raise


def _tell(told: Progress, before: int, of: int, done: int, _: int) -> None:
    """Of all files, how far the one in hand has come."""
    told(before + done, of)


def _known(path: Path, name: str) -> FileBeside:
    try:
        with path.open("rb") as file:
            digest = hashing.name_of(file)
            return FileBeside(name, file.tell(), digest)
    except OSError as error:
        raise FarmError(f"{path.resolve()} can't be read: {error.strerror or error}") from error


def _begun(client: Client, file: FileBeside) -> int:
    """Bytes of it that the farm has already; an older one keeps none."""
    told = client.ask("POST", "/api/files", {"files": {file.hash: file.size}})
    found = understood(lambda told: told.get("begun", {}).get(file.hash, 0), told)
    return found if type(found) is int and 0 < found < file.size else 0


def _missing(told: Mapping[str, Any]) -> Sequence[str]:
    if not all(isinstance(digest, str) for digest in told["missing"]):
        raise TypeError("no hashes")
    return list(told["missing"])
