# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures are plain, by what their first bytes say."""

import struct
from pathlib import Path

import pytest

from bender_worker_addon.blender.farm.plain_pictures import is_plain


def png(depth: int, kind: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", b"data")


def chunk(code: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + code + data + b"four"


def jpeg(components: int, *, depth: int = 8, frame: int = 0xC0) -> bytes:
    tables = b"\xff\xdb" + struct.pack(">H", 5) + b"abc" + b"\xff\xff\xc4" + struct.pack(">H", 3) + b"d"
    return (
        b"\xff\xd8" + tables + bytes((0xFF, frame)) + struct.pack(">HBHHB", 8 + 3 * components, depth, 1, 1, components)
    )


PLAIN = {
    "grey": png(8, 0),
    "color": png(8, 2, chunk(b"gAMA", b"1234")),
    "palette": png(8, 3, chunk(b"PLTE", b"rgb")),
    "grey jpeg": jpeg(1),
    "progressive jpeg": jpeg(3, frame=0xC2),
}
NOT_PLAIN = {
    "16 bits": png(16, 2),
    "grey with alpha": png(8, 4),
    "color with alpha": png(8, 6),
    "a bit a pixel": png(1, 0),
    "transparent color": png(8, 2, chunk(b"tRNS", b"123456")),
    "transparent palette": png(8, 3, chunk(b"PLTE", b"rgb"), chunk(b"tRNS", b"1")),
    "cmyk": jpeg(4),
    "12 bits": jpeg(3, depth=12),
    "another format": b"II*\0 and more",
    "nothing": b"",
    "only a header": png(8, 2)[:33],
    "cut off": png(8, 2)[:20],
    "cut off in a marker": jpeg(3)[:12],
    "only the beginning of a jpeg": b"\xff\xd8",
}


@pytest.mark.parametrize("name", [*PLAIN, *NOT_PLAIN])
def test_pictures_of_8_bits_without_alpha_are_plain(tmp_path: Path, name: str) -> None:
    picture = tmp_path / "picture"
    picture.write_bytes(PLAIN.get(name, NOT_PLAIN.get(name, b"")))
    assert is_plain(picture) == (name in PLAIN)


def test_what_is_not_there_is_not_plain(tmp_path: Path) -> None:
    assert not is_plain(tmp_path / "picture")
    assert not is_plain(tmp_path)
