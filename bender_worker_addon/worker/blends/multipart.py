# SPDX-License-Identifier: GPL-3.0-or-later
"""A form with one file in it, as the body of a POST: read from the disk piece by piece while it is sent."""

import secrets
from collections.abc import Iterator, Mapping
from typing import BinaryIO

_PIECE = 1 << 17  # bytes


class Form:
    """multipart/form-data (RFC 7578). Has a length, so that the server is told it beforehand; can be sent once."""

    def __init__(
        self, fields: Mapping[str, str], *, file: BinaryIO, filename: str, size: int, preview: bytes = b""
    ) -> None:
        """Names and values are of plain letters; `file` holds `size` bytes and is sent as the field `file`; behind it
        comes `preview`, a JPEG, if it isn't empty."""
        self._boundary = secrets.token_hex(16)
        parts = [self._part(f'name="{name}"') + value.encode() + b"\r\n" for name, value in fields.items()]
        self._head = b"".join([*parts, self._part(f'name="file"; filename="{filename}"', "application/octet-stream")])
        extra = self._part('name="preview"; filename="preview.jpg"', "image/jpeg") + preview if preview else b""
        self._tail = b"\r\n" + (extra + b"\r\n" if extra else b"") + f"--{self._boundary}--\r\n".encode()
        self._file = file
        self._size = size

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        while piece := self._file.read(_PIECE):
            yield piece
        yield self._tail

    def _part(self, disposition: str, content_type: str = "") -> bytes:
        kind = f"Content-Type: {content_type}\r\n" if content_type else ""
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode()
