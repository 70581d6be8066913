# SPDX-License-Identifier: GPL-3.0-or-later
"""Preview: a small JPEG of a frame, which its worker makes for those who look at a job; and how one is told from
whatever else may be sent in its place.

Of JPEG (ITU-T T.81, B.1) only the order of its segments is looked at: a frame header with a size, a scan, the end.
"""

from pathlib import Path

WIDTH = 480  # pixels, at most
MOST = 256 << 10  # bytes
FOLDER = "previews"  # in the folder of a job

_LARGEST = 1024  # pixels, of either side
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers that begin a frame header

OF_TILE = "preview.jpg"  # in the folder of a tile

ALL, TILES = "all", "tiles"  # what a child is to make previews of, as it is told


def name_of(number: int) -> str:
    """The file's name."""
    return f"{number:06d}.jpg"


def beside(frame: Path) -> Path:
    """Where the preview of a stored frame waits until it is sent: in a folder beside those of the jobs."""
    return frame.parent.parent / f".{FOLDER}" / frame.parent.name / f"{frame.stem}.jpg"


def is_preview(content: bytes) -> bool:
    """Whether it is a small JPEG, as far as its structure tells."""
    if len(content) > MOST or content[:2] != bytes([0xFF, _START]) or content[-2:] != bytes([0xFF, _END]):
        return False
    at, has_size = 2, False
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if length < 2 or at + 2 + length > len(content):
            return False
        if marker == _SCAN:
            return has_size
        if marker in _FRAMES:
            height, width = (int.from_bytes(content[at + place : at + place + 2]) for place in (5, 7))
            if not (0 < height <= _LARGEST and 0 < width <= _LARGEST):
                return False
            has_size = True
        at += 2 + length
    return False
