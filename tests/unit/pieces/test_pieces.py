# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends in pieces: cut anywhere and put together again they are what they were, whatever is in them, whoever lies."""

import gzip
import io
import os
import random
import struct
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.pieces import beside, bundle, shelf
from bender_worker_addon.pieces.bundle import NoBundle, Unpacking
from bender_worker_addon.pieces.cutting import LARGEST, cuts
from bender_worker_addon.pieces.manifest import HASH, Manifest, NoManifest, hash_of
from bender_worker_addon.pieces.part import Part
from bender_worker_addon.pieces.shelf import Shelf
from tests.round_trip import all_come_back, put_together

HEADS = (b"BLENDER_v249", b"BLENDER-v279", b"BLENDER_V263", b"BLENDER-V403", b"BLENDER17-01v0502")
Block = tuple[bytes, int, bytes]  # its code, its address, what it holds


def head(kind: bytes, code: bytes, length: int, address: int) -> bytes:
    """Of a block; `kind`: the header of the file."""
    if len(kind) == 17:
        return struct.pack("<4siQqq", code, 0, address, length, 1)
    order, pointer = ("<" if b"v" in kind else ">"), ("Q" if b"-" in kind else "I")
    return struct.pack(f"{order}4si{pointer}ii", code, length, address % (1 << 32), 0, 1)


def blend(kind: bytes, blocks: Sequence[Block]) -> bytes:
    rows = [head(kind, code, len(content), address) + content for code, address, content in blocks]
    return kind + b"".join(rows) + head(kind, b"ENDB", 0, 0)


def pieces(content: bytes) -> list[bytes]:
    lengths = list(cuts(io.BytesIO(content)))
    assert all(1 <= length <= LARGEST for length in lengths)
    file = io.BytesIO(content)
    found = [file.read(length) for length in lengths]
    assert b"".join(found) == content
    return found


def scene(kind: bytes, *, addresses: int = 0, small: int = 2000, large: int = 5) -> list[Block]:
    """A blend's blocks, the same for each kind; those that are large among the others."""
    chance = random.Random(1)
    found = [(b"DATA", 4096 + 64 * n + addresses, chance.randbytes(chance.randrange(400))) for n in range(small)]
    for n in range(large):
        found.insert(n * small // max(large, 1), (b"DATA", 1 << 30 | n, chance.randbytes(20_000 + n * 100_000)))
    return found


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    shelf.keep(path, Manifest.of(path))
    return path


@pytest.mark.parametrize("kind", HEADS, ids=bytes.decode)
def test_what_is_changed_is_all_that_is_new(kind: bytes) -> None:
    blocks = scene(kind)
    before = pieces(blend(kind, blocks))
    assert 25 < len(before) < 90
    code, address, content = blocks[777]
    blocks[777] = code, address, b"x" * len(content)
    changed = [piece for piece in pieces(blend(kind, blocks)) if piece not in before]
    assert len(changed) <= 1
    blocks.insert(300, (b"DATA", 99, b"new" * 40))
    inserted = [piece for piece in pieces(blend(kind, blocks)) if piece not in before]
    assert sum(map(len, inserted)) < 4 * 64 * 1024


@pytest.mark.parametrize("kind", HEADS, ids=bytes.decode)
def test_large_blocks_stay_what_they_are_wherever_all_was_in_memory(kind: bytes) -> None:
    before = set(pieces(blend(kind, scene(kind))))
    after = pieces(blend(kind, scene(kind, addresses=4711)))
    same, large = sum(len(piece) for piece in after if piece in before), sum(20_000 + n * 100_000 for n in range(5))
    assert large <= same < large + 100


def test_a_library_that_is_packed_is_cut_as_the_blend_that_it_is() -> None:
    kind = HEADS[-1]
    blocks = scene(kind)
    library = blend(kind, blocks)
    holder = blend(kind, [(b"DATA", 1, library)])
    before = set(pieces(holder))
    assert len(before) > 25
    blocks[5] = (b"DATA", 1, b"changed")
    after = pieces(blend(kind, [(b"DATA", 1, blend(kind, blocks))]))
    assert sum(len(piece) for piece in after if piece not in before) < 5 * 64 * 1024


def test_what_is_not_understood_is_cut_where_it_says_so() -> None:
    content = random.Random(2).randbytes(3_000_000)
    before = set(pieces(content))
    assert 10 < len(before) < 47
    after = pieces(content[:1_000_000] + b"inserted" + content[1_000_000:])
    assert sum(1 for piece in after if piece not in before) <= 2
    assert len(pieces(bytes(9_000_000))) == 3
    assert pieces(b"") == []
    assert len(pieces(gzip.compress(blend(HEADS[1], scene(HEADS[1], large=0))))) >= 1


def test_a_block_that_is_too_long_for_a_piece_is_cut_evenly() -> None:
    content = blend(HEADS[-1], [(b"DATA", 1, bytes(10_000_000)), (b"DATA", 2, bytes(9))])
    assert [len(piece) for piece in pieces(content)] == [49, LARGEST, LARGEST, 10_000_000 - 2 * LARGEST, 73]


BLOCKS = st.lists(
    st.tuples(
        st.sampled_from((b"DATA", b"OB\0\0", b"ENDB", b"TEST")),
        st.integers(-(1 << 31), (1 << 31) - 1) | st.just(None),
        st.sampled_from((0, 1, 30, 500, 16383, 16384, 70_000)),
    ),
    max_size=30,
)


@given(st.sampled_from(HEADS), BLOCKS, st.integers(0, 1 << 20), st.integers(0, 40))
def test_any_row_of_blocks_cut_off_anywhere_comes_back(
    kind: bytes, blocks: list[tuple[bytes, int | None, int]], end: int, rest: int
) -> None:
    """A block may say of its length what it wants, be of none, or never end."""
    content = bytearray(kind)
    for code, told, length in blocks:
        content += head(kind, code, length if told is None else told, 0) + bytes(length)
    content = content[:end] + bytes(rest)
    pieces(bytes(content))


@given(st.binary(max_size=200), st.sampled_from((*HEADS, b"BLENDER", b"BLENDER17-02v9999", b"")))
def test_any_bytes_come_back(content: bytes, beginning: bytes) -> None:
    pieces(beginning + content)


def test_blends_in_blends_end() -> None:
    content = b""
    for _ in range(20):
        content = blend(HEADS[1], [(b"DATA", 1, content + bytes(20_000))])
    pieces(content)


def test_a_manifest_is_itself_or_none(tmp_path: Path) -> None:
    path = tmp_path / "scene.blend"
    path.write_bytes(blend(HEADS[-1], scene(HEADS[-1])))
    manifest = Manifest.of(path)
    told = manifest.to_bytes()
    assert Manifest.from_bytes(told) == manifest
    assert manifest.size == path.stat().st_size
    for wrong in (b"", told[:-1], told + b"x", told[:40] + b"?" + told[41:], b"<html>" * 30, told[:20]):
        with pytest.raises(NoManifest):
            Manifest.from_bytes(wrong)
    for lengths in ([0], [LARGEST + 1], [5, 0]):
        with pytest.raises(NoManifest):
            Manifest.from_bytes(Manifest(array("I", lengths), bytes(HASH * len(lengths))).to_bytes())


@pytest.fixture
def side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files, too, are looked at by several threads."""
    monkeypatch.setattr(beside, "_STRETCH", 100_000)
    monkeypatch.setattr(beside, "_THREADS", 3)


@pytest.mark.usefixtures("side_by_side")
@pytest.mark.parametrize("kind", HEADS, ids=bytes.decode)
def test_only_what_changed_has_to_come(kind: bytes, tmp_path: Path) -> None:
    blocks = scene(kind)
    first = written(tmp_path / "first.blend", blend(kind, blocks))
    blocks[3] = (b"DATA", 4096, b"moved")
    source = tmp_path / "second.blend"
    source.write_bytes(blend(kind, blocks))
    manifest = Manifest.of(source)
    part = tmp_path / "part"
    assert put_together(manifest, part, Shelf([]), source) > manifest.size * 0.9
    part.unlink()
    assert put_together(manifest, part, Shelf([tmp_path / "gone.blend", first]), source) < 140_000
    part.unlink()
    assert put_together(manifest, part, Shelf([written(source, source.read_bytes()), first]), source) == 0


def test_same_pieces_come_once(tmp_path: Path) -> None:
    source = tmp_path / "scene.blend"
    texture = random.Random(3).randbytes(300_000)
    source.write_bytes(blend(HEADS[-1], [(b"DATA", n, texture) for n in range(20)]))
    assert put_together(Manifest.of(source), tmp_path / "part", Shelf([]), source) < 400_000


def test_same_pieces_of_which_one_is_here_already_are_lacking(tmp_path: Path) -> None:
    source, part = tmp_path / "scene.blend", tmp_path / "part"
    texture = random.Random(3).randbytes(30_000)
    source.write_bytes(blend(HEADS[-1], [(b"DATA", n, texture) for n in range(5)]))
    manifest = Manifest.of(source)
    content = bytearray(source.read_bytes())
    content[80_000:90_000] = bytes(10_000)
    part.write_bytes(content)
    assert len(Part(manifest, part).lacking(Shelf([]))) == 1
    put_together(manifest, part, Shelf([]), source)


def test_what_breaks_off_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "scene.blend"
    source.write_bytes(blend(HEADS[-1], scene(HEADS[-1])))
    manifest, part = Manifest.of(source), tmp_path / "part"
    lacking = Part(manifest, part).lacking(Shelf([]))
    unpacking = Unpacking(manifest)
    again = Part(manifest, part)
    for some, _ in bundle.packed(source, manifest, lacking[: len(lacking) // 2]):
        again.write(unpacking.feed(some))
    assert again.left == lacking[len(lacking) // 2 :]
    left = Part(manifest, part).lacking(Shelf([]))
    assert left == again.left
    part.write_bytes(part.read_bytes()[:-10])  # cut off by somebody: it is begun anew
    assert Part(manifest, part).lacking(Shelf([])) == lacking


@pytest.mark.usefixtures("side_by_side")
@pytest.mark.parametrize("what", ["swapped", "truncated", "zeros", "gone", "its manifest is damaged"])
def test_nothing_here_is_believed(what: str, tmp_path: Path) -> None:
    source, other = tmp_path / "scene.blend", tmp_path / "other.blend"
    source.write_bytes(blend(HEADS[-1], scene(HEADS[-1])))
    written(other, source.read_bytes())
    content = bytearray(other.read_bytes())
    if what == "swapped":
        content[100_000:200_000] = bytes(reversed(content[100_000:200_000]))
    elif what == "truncated":
        del content[600_000:]
    elif what == "zeros":
        content = bytearray(len(content))
    other.write_bytes(content)
    if what == "gone":
        other.unlink()
    if what == "its manifest is damaged":
        shelf.manifest_file(other).write_bytes(b"BENDER-PIECES-1\n????")
    put_together(Manifest.of(source), tmp_path / "part", Shelf([other]), source)


@pytest.mark.usefixtures("side_by_side")
def test_what_several_threads_find_is_in_its_order_and_what_one_can_not_read_is_told(tmp_path: Path) -> None:
    source = tmp_path / "scene.blend"
    source.write_bytes(blend(HEADS[-1], scene(HEADS[-1])))
    manifest, content = Manifest.of(source), source.read_bytes()
    for number, (offset, length) in enumerate(zip(manifest.offsets, manifest.lengths, strict=True)):
        assert manifest.hash(number) == hash_of(content[offset : offset + length])
    seen: list[int] = []

    def fail(stretch: list[int]) -> None:
        seen.extend(stretch)
        if 30_000 in stretch:
            raise OSError("unreadable")

    with pytest.raises(OSError, match="unreadable"):
        beside.side_by_side(fail, [70_000, 30_000, 60_000], length=int)
    assert set(seen) >= {70_000, 30_000}


def test_a_liar_gets_nothing_in(tmp_path: Path) -> None:
    """Pieces that are others than they were said to be are lacking as before."""
    source = tmp_path / "scene.blend"
    source.write_bytes(blend(HEADS[-1], scene(HEADS[-1])))
    manifest = Manifest.of(source)
    part = Part(manifest, tmp_path / "part")
    lacking = part.lacking(Shelf([]))
    for number in lacking:
        with pytest.raises(NoBundle):
            part.write([(number, os.urandom(manifest.lengths[number]))])
    assert part.left == part.lacking(Shelf([])) == Part(manifest, tmp_path / "part").lacking(Shelf([])) == lacking


@given(st.binary(max_size=300), st.integers(1, 50))
def test_what_is_no_bundle_is_refused(content: bytes, step: int) -> None:
    manifest = Manifest(array("I", [10, 20]), bytes(2 * HASH))
    unpacking = Unpacking(manifest)
    try:
        for at in range(0, len(content), step):
            for number, piece in unpacking.feed(content[at : at + step]):
                assert len(piece) == manifest.lengths[number]
        unpacking.end()
    except NoBundle:
        pass


def test_a_small_bundle_that_unpacks_to_a_large_piece_is_refused() -> None:
    packed = zlib.compress(bytes(LARGEST), 9)
    manifest = Manifest(array("I", [len(packed) + 1]), bytes(HASH))
    with pytest.raises(NoBundle):
        list(Unpacking(manifest).feed(struct.pack("<III", 1, len(packed), 0) + packed))


@pytest.mark.parametrize("head", [(0, 0), (3, 8), (1 << 31, 0), (1, LARGEST + 1)], ids=str)
def test_a_bundle_that_says_it_has_more_than_there_is_is_refused_at_once(head: tuple[int, int]) -> None:
    """It is not waited for, nor kept in memory."""
    manifest = Manifest(array("I", [4, 4]), bytes(2 * HASH))
    with pytest.raises(NoBundle):
        list(Unpacking(manifest).feed(struct.pack("<II", *head) + bytes(12)))


def test_small_pieces_are_compressed_together(tmp_path: Path) -> None:
    """Small blocks full of addresses, all of which are new in each save of Blender 4, are a tenth then."""
    addresses = [64 * number for number in range(1 << 20, (1 << 20) + 40_000)]
    random.Random(4).shuffle(addresses)
    rows = [(b"DATA", address, struct.pack("<QQ40xQ", address - 64, address + 64, address)) for address in addresses]
    source = tmp_path / "scene.blend"
    source.write_bytes(blend(HEADS[3], rows))
    manifest = Manifest.of(source)
    together = put_together(manifest, tmp_path / "part", Shelf([]), source)
    alone = sum(len(some) for number in range(len(manifest)) for some, _ in bundle.packed(source, manifest, [number]))
    assert together < alone * 0.95
    assert together < manifest.size * 0.2


def test_what_does_not_shrink_is_sent_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "scene.blend"
    source.write_bytes(blend(HEADS[-1], [(b"DATA", 1, os.urandom(6_000_000)), (b"DATA", 2, bytes(6_000_000))]))
    assert 6_000_000 < put_together(Manifest.of(source), tmp_path / "part", Shelf([]), source) < 6_050_000


def test_a_blend_that_does_not_come_back_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that all tests leave: see `tests/conftest.py`."""
    for number in range(3):
        (tmp_path / f"{number}.blend").write_bytes(blend(HEADS[1], scene(HEADS[1], small=number // 2)))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert all_come_back(tmp_path, scratch) == 2
    monkeypatch.setattr(Part, "_put", lambda self, _file, number, _content: self._proven.__setitem__(number, 1))
    with pytest.raises(AssertionError):
        all_come_back(tmp_path, scratch)
