# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a frame that a farm and fresh Blenders have rendered. Renders nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tools.check import real_files


class Rendered:
    """In the place of Blenders: the picture each makes, none if it is empty."""

    def __init__(self, farmed: bytes, fresh: Sequence[bytes]) -> None:
        self._farmed, self._fresh = farmed, list(fresh)

    def farmed(self, _: str, __: int) -> dict[str, bytes]:
        return _files(self._farmed)

    def fresh(self, _: Path, __: int, ___: str) -> dict[str, bytes]:
        return _files(self._fresh.pop(0))


def _files(picture: bytes) -> dict[str, bytes]:
    return {"000001.png": picture} if picture else {}


@pytest.mark.parametrize(
    ("farmed", "fresh", "result"),
    [
        (b"a", [b"a"], "same"),
        (b"b", [b"a", b"a", b"a"], "differs"),
        (b"b", [b"a", b"a", b"b"], "blender"),
        (b"", [b"a"], "lost"),
        (b"", [b""], "none"),
    ],
)
def test_only_what_no_fresh_blender_makes_otherwise_is_a_fault(farmed: bytes, fresh: list[bytes], result: str) -> None:
    assert real_files.result(Rendered(farmed, fresh), "f1", Path("a.blend"), 1) == result
