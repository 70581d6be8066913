# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces: sends a blend so that only what the farm doesn't have of it goes over the network."""

import logging
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ..core.errors import FarmError
from ..pieces import bundle, manifest
from ..pieces.manifest import Manifest
from .answers import understood
from .client import Client, Refused, in_words_of, printable
from .site import Progress, Unreachable

log = logging.getLogger(__name__)

_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before what broke off is tried again; from the first as it gets on
_ROUNDS = 4  # in which nothing breaks off and yet something is lacking: then it is no use
_EARLIER = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})  # says a server that knows no pieces


def sent_in_pieces(client: Client, path: str, file: Path, told: Progress) -> bool:
    """Sends the file, which is to be at `path`; gives whether that was done, or it is better sent as a whole. Raises
    FarmError."""
    with in_words_of(file, "read"):
        if file.stat().st_size < manifest.WORTH_IT:
            return False
        pieces = Manifest.of(file)
    if len(announced := pieces.to_bytes()) > manifest.MOST:
        return False
    try:
        return _Sending(client, f"{path}/pieces/{pieces.id}", file, pieces, announced, told).run()
    except Refused as refusal:
        if refusal.status not in _EARLIER:
            raise
        return False


class _Sending:
    def __init__(
        self, client: Client, path: str, file: Path, pieces: Manifest, announced: bytes, told: Progress
    ) -> None:
        self._client = client
        self._path = path
        self._file = file
        self._pieces = pieces
        self._announced = announced
        self._told = told

    def run(self) -> bool:
        """Says what there is and sends what is lacking, until nothing is. What breaks off is tried again, from the
        first pause on if it got on meanwhile."""
        before = failures = idle = 0
        while idle <= _ROUNDS:
            try:
                lacking = self._lacking()
                if not lacking:
                    self._told(self._pieces.size, self._pieces.size)
                    return True
                if not before or len(lacking) < before:
                    failures = idle = 0
                before, idle = len(lacking), idle + 1
                self._send(lacking)
            except Unreachable as error:
                if failures == len(_PAUSES):
                    if before:
                        raise
                    break
                log.info("%s; again in %g s", error, _PAUSES[failures])
                time.sleep(_PAUSES[failures])
                failures, idle = failures + 1, 0
        return False

    def _lacking(self) -> list[int]:
        answer = self._client.send("PUT", self._path, _in_steps(self._announced))
        if isinstance(answer, dict) and isinstance(words := answer.get("error"), str):
            raise FarmError(printable(words))
        return understood(self._numbers, answer)

    def _numbers(self, answer: Any) -> list[int]:
        return bundle.in_runs(answer["lacking"], of=len(self._pieces))

    def _send(self, numbers: Sequence[int]) -> None:
        size = self._pieces.size
        done = size - sum(self._pieces.lengths[number] for number in numbers)

        def parts() -> Iterator[bytes]:
            nonlocal done
            with in_words_of(self._file, "read"):
                for part, held in bundle.packed(self._file, self._pieces, numbers):
                    yield part
                    done += held
                    self._told(done, size)

        try:
            self._client.send("POST", self._path, parts())
        except Refused as refusal:
            if refusal.status != HTTPStatus.CONFLICT:  # somebody else has sent it, or the farm has lost it: it says so
                raise


def _in_steps(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), 1 << 18):
        yield content[at : at + (1 << 18)]
