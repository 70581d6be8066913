# SPDX-License-Identifier: GPL-3.0-or-later
"""Preview: a small JPEG is told from whatever else may come in its place."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.preview import MOST, is_preview


def jpeg(
    width: int = 480, height: int = 270, *, frame: int = 0xC0, scan: bytes = b"\x00" * 50, before: int = 0
) -> bytes:
    """The structure of a JPEG; `before`: bytes of a segment before the frame header."""
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9)
    filler = b"\xff\xfe" + struct.pack(">H", before + 2) + bytes(before) if before else b""
    size = b"\xff" + bytes([frame]) + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    start_of_scan = b"\xff\xda" + struct.pack(">H", 8) + b"\x01\x01\x00\x00\x3f\x00"
    return b"\xff\xd8" + app + filler + size + start_of_scan + scan + b"\xff\xd9"


@pytest.mark.parametrize("content", [jpeg(), jpeg(1, 1024), jpeg(frame=0xC2), jpeg(before=60_000)])
def test_a_small_jpeg_is_one(content: bytes) -> None:
    assert is_preview(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff\xd9",
        jpeg()[:-1],
        jpeg()[1:],
        jpeg(1025, 10),
        jpeg(10, 65535),
        jpeg(0, 10),
        jpeg(frame=0xC4),
        jpeg(scan=bytes(MOST)),
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        b"<html><script>alert(1)</script></html>",
        b"\xff\xd8<script>\xff\xd9",
        b"\xff\xd8" + b"\xff\xe0\x00\x02" * 99 + b"\xff\xd9",
        b"\xff\xd8" + b"\xff\xe0\x00\x00" * 99 + b"\xff\xd9",
    ],
)
def test_what_is_none_is_none(content: bytes) -> None:
    assert not is_preview(content)


@given(st.binary(max_size=400))
def test_no_bytes_end_it(content: bytes) -> None:
    is_preview(content)
    is_preview(b"\xff\xd8" + content + b"\xff\xd9")
