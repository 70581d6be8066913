# SPDX-License-Identifier: GPL-3.0-or-later
"""Download: one file over HTTP. It goes on where it was cut, if the server can, and is given up where it creeps.

Knows requests, as flaskbender.py does, and nothing of the farm.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import requests
from urllib3.exceptions import HTTPError

from ...core.errors import BlendError

Ask = Callable[[Mapping[str, str]], requests.Response]
"""Asks for the file, with headers of ours; gives an answer that holds it, to be read as it comes, or raises."""

CUT = (requests.exceptions.ChunkedEncodingError, requests.ConnectionError, requests.Timeout)
"""What ends a download that may go on."""

_PIECE = 1 << 20  # bytes; an eighth of it took twice as long over loopback
_TRIES = 4  # times in a row that it may be cut without having come any further
_RETRY = 0.5  # seconds before it goes on
_CREEPS, _LOOK = 4096, 60.0  # fewer bytes a second, over so many seconds


class Download:
    """Fills `target`; whole when `run` has come to its end."""

    def __init__(self, ask: Ask, target: Path) -> None:
        self._ask = ask
        self._target = target
        self._validator = ""  # what must still hold of the file on the server, so that it can go on; empty if it can't

    def run(self) -> None:
        """Raises BlendError, and those of CUT for a server out of reach."""
        tries = 0
        with self._target.open("wb") as file:
            while True:
                begun = file.tell()
                try:
                    self._go_on(file)
                except CUT:
                    tries = tries + 1 if file.tell() == begun else 0
                    if not self._validator or tries == _TRIES:
                        raise
                    time.sleep(_RETRY)
                else:
                    return

    def _go_on(self, file: BinaryIO) -> None:
        headers = {"Accept-Encoding": "identity"}  # or what has come could not be counted
        begun = file.tell()
        if self._validator and begun:
            headers |= {"Range": f"bytes={begun}-", "If-Range": self._validator}
        with self._ask(headers) as answer:
            if not answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
                file.seek(0)
                file.truncate()
            self._validator = _validator(answer)
            self._see_if_there_is_room(answer)
            for piece in _pieces(answer):
                file.write(piece)

    def _see_if_there_is_room(self, answer: requests.Response) -> None:
        length = int(answer.headers.get("Content-Length") or 0)
        free = shutil.disk_usage(self._target.parent).free
        if length > free:
            text = f"the blend has {length / 1e9:.1f} GB, more than are free in {self._target.parent}"
            raise BlendError(text, elsewhere=True)


def _validator(answer: requests.Response) -> str:
    if answer.headers.get("Accept-Ranges") != "bytes" and answer.status_code != requests.codes.partial_content:
        return ""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    """What comes, as it comes: requests itself would wait until a piece is full."""
    since, came = time.monotonic(), 0
    try:
        while piece := answer.raw.read1(_PIECE):
            yield piece
            came += len(piece)
            if time.monotonic() - since > _LOOK:
                if came < _CREEPS * _LOOK:
                    text = f"flaskbender sends the blend too slowly ({came} bytes in {_LOOK:.0f} s)"
                    raise BlendError(text, again=True, elsewhere=True)
                since, came = time.monotonic(), 0
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
