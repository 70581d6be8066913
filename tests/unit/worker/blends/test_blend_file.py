# SPDX-License-Identifier: GPL-3.0-or-later
"""Blend files: what is whole is taken, what is cut anywhere is not, however it is packed."""

import gzip
import shutil
import subprocess
import tempfile
import zlib
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import BlendError, Remedy
from bender_worker_addon.worker.blends.blend_file import check_blend
from tests.unit.support import PACKINGS, blend, zstd

BLEND = blend(noise=[number * 7919 % 997 for number in range(600)])
END = len(b"ENDB") + 20  # bytes of the last block; they hold nothing
SAVED_BY_279 = Path(__file__).parents[3] / "data" / "saved_by_2.79.blend"


def trouble(content: bytes) -> BlendError | None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.blend")
        file.write_bytes(content)
        try:
            check_blend(file)
        except BlendError as error:
            return error
        return None


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_whole_blend_is_taken(packing: str) -> None:
    assert trouble(PACKINGS[packing](BLEND)) is None


@pytest.mark.parametrize("packing", PACKINGS)
@given(data=st.data())
def test_a_blend_that_is_cut_anywhere_is_never_taken(packing: str, data: st.DataObject) -> None:
    whole = PACKINGS[packing](BLEND)
    least = END - len(b"ENDB") + 1 if packing == "plain" else 1
    end = data.draw(st.integers(0, len(whole) - least))
    if packing == "zstd" and end == len(whole) - 17:
        return  # exactly between two frames: a whole file too
    assert trouble(whole[:end]) is not None


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_blend_that_was_cut_may_be_fetched_again(packing: str) -> None:
    content = PACKINGS[packing](BLEND)
    error = trouble(content[: len(content) // 2])
    assert error is not None
    assert error.remedy is Remedy.RETRY


@pytest.mark.parametrize("end", range(1, 17))
def test_a_zstandard_file_cut_in_its_last_frame_is_not_taken(end: int) -> None:
    assert trouble(zstd(BLEND)[:-end]) is not None


@given(st.integers(20, 900), st.integers(1, 255))
def test_a_gzip_file_with_a_changed_byte_is_not_taken(place: int, change: int) -> None:
    packed = bytearray(gzip.compress(BLEND, 1))
    packed[place] ^= change
    try:
        means_the_same = gzip.decompress(packed) == BLEND  # a few bits between two blocks mean nothing
    except (OSError, EOFError, zlib.error):
        means_the_same = False
    assert (trouble(bytes(packed)) is None) == means_the_same


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!doctype html><html><body>Please sign in</body></html>",
        b"blender",
        b"PK\x03\x04",
        b"\x00" * 100_000,
        gzip.compress(b"<html>no blend</html>" * 100),
    ],
    ids=["empty", "html", "lower case", "zip", "zeros", "gzip of html"],
)
def test_what_is_no_blend_is_refused_for_good(content: bytes) -> None:
    error = trouble(content)
    assert error is not None
    assert "blend" in str(error)
    assert error.remedy is Remedy.NONE


def test_a_zstandard_file_of_many_frames_is_taken() -> None:
    assert trouble(zstd(BLEND[:2000]) + zstd(BLEND[2000:])) is None


@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd program here")
@given(data=st.data())
def test_a_really_compressed_zstandard_file_is_taken_whole_only(data: st.DataObject) -> None:
    packed = _packed_by_zstd()
    assert trouble(packed) is None
    assert trouble(packed[: data.draw(st.integers(4, len(packed) - 1))]) is not None


def test_a_blend_of_2_79_is_taken_whole_only() -> None:
    content = SAVED_BY_279.read_bytes()
    assert trouble(content) is None
    assert trouble(content[:-9]) is not None


@cache
def _packed_by_zstd() -> bytes:
    return subprocess.run(["zstd", "--check"], input=BLEND, capture_output=True, check=True, timeout=10).stdout
