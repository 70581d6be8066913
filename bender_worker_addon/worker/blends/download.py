# SPDX-License-Identifier: GPL-3.0-or-later
"""Download: one file over HTTP. It goes on where it was cut, if the server can, and is given up where it creeps."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from ...core import retry
from ...core.errors import BlendError, Remedy
from .http_client import Answer, NoAnswer

Ask = Callable[[Mapping[str, str]], AbstractContextManager[Answer]]
"""Asks for the file, with headers of ours; gives an answer that holds it, or raises."""

_PIECE = 1 << 20  # bytes; an eighth of it took twice as long over loopback
_CREEPS, _LOOK = 4096, 60.0  # fewer bytes a second, over so many seconds


class Cut(NoAnswer):
    """It had begun to come."""


class Download:
    """Fills `target`; whole when `run` has come to its end. `content_type` is what the server calls it. `goes_on`: what
    is there is the beginning of it, which somebody will prove."""

    def __init__(self, ask: Ask, target: Path, *, goes_on: bool = False) -> None:
        self._ask = ask
        self._target = target
        self._goes_on = goes_on
        self._validator = ""  # what must still hold of the file on the server, so that it can go on; empty if it can't
        self.content_type = ""

    def run(self) -> None:
        """Raises BlendError; NoAnswer for a server out of reach; Cut, OSError if the file can't be written."""
        failures = 0
        with self._target.open("ab" if self._goes_on else "wb") as file:
            while True:
                begun = file.tell()
                try:
                    self._go_on(file)
                except NoAnswer:
                    failures = failures + 1 if file.tell() == begun else 0
                    wait = retry.RESUMES.again_in(Remedy.RETRY, failures)
                    if not self._validator or wait is None:
                        raise
                    time.sleep(wait)
                else:
                    return

    def _go_on(self, file: BinaryIO) -> None:
        begun = file.tell()
        headers = {"Accept-Encoding": "identity"}  # or what has come could not be counted
        if begun and (self._validator or self._goes_on):
            headers |= {"Range": f"bytes={begun}-"}
            headers |= {"If-Range": self._validator} if self._validator else {}
        with self._ask(headers) as answer:
            if answer.status != HTTPStatus.PARTIAL_CONTENT:
                file.seek(0)
                file.truncate()
            elif not answer.header("Content-Range").startswith(f"bytes {begun}-"):
                raise BlendError("flaskbender sent another part of the blend than it was asked for", Remedy.RETRY)
            self._validator = _validator(answer)
            self.content_type = answer.header("Content-Type")
            self._see_if_there_is_room(answer)
            for piece in pieces_of(answer):
                file.write(piece)

    def _see_if_there_is_room(self, answer: Answer) -> None:
        length = answer.length or 0
        if length > shutil.disk_usage(self._target.parent).free:
            text = f"the blend has {length / 1e9:.1f} GB, more than are free in {self._target.parent}"
            raise BlendError(text, Remedy.ELSEWHERE)


def _validator(answer: Answer) -> str:
    goes_on = answer.header("Accept-Ranges") == "bytes" or answer.status == HTTPStatus.PARTIAL_CONTENT
    if not goes_on or answer.is_packed:
        return ""
    tag = answer.header("ETag")
    return tag if tag.startswith('"') else answer.header("Last-Modified")


def pieces_of(answer: Answer) -> Iterator[bytes]:
    """What comes, as it comes. Raises BlendError if it creeps, Cut if it breaks off."""
    since, came = time.monotonic(), 0
    answer.within(2 * _LOOK)
    while piece := _read(answer):
        yield piece
        came += len(piece)
        if time.monotonic() - since > _LOOK:
            if came < _CREEPS * _LOOK:
                text = f"flaskbender sends the blend too slowly ({came} bytes in {_LOOK:.0f} s)"
                raise BlendError(text, Remedy.WAIT)
            since, came = time.monotonic(), 0
            answer.within(2 * _LOOK)


def _read(answer: Answer) -> bytes:
    try:
        return answer.read(_PIECE)
    except NoAnswer as error:
        raise Cut(str(error)) from error
