# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenEXR with layers, as Blender 4.3 wrote it (24x20 pixels): whole files are measured, cut ones are noticed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.render_child.openexr import is_openexr, multilayer_size
from bender_worker_addon.system.platform import WINDOWS

DATA = Path(__file__).parents[2] / "data"
LAYERED = [DATA / "multilayer_zip.exr", DATA / "multilayer_none.exr"]


def size_of(content: bytes, tmp: Path) -> tuple[int, int] | None:
    file = tmp / "cut.exr"
    file.write_bytes(content)
    return multilayer_size(file)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exr")


@pytest.mark.parametrize("path", LAYERED, ids=lambda path: path.stem)
def test_a_whole_file_has_its_size(path: Path) -> None:
    assert is_openexr(path)
    assert multilayer_size(path) == (24, 20)


def test_a_file_without_layers_is_left_to_others() -> None:
    path = DATA / "one_layer.exr"
    assert is_openexr(path)
    assert multilayer_size(path) is None


@pytest.mark.parametrize("path", LAYERED, ids=lambda path: path.stem)
@given(data=st.data())
def test_a_file_that_is_cut_anywhere_is_noticed(path: Path, folder: Path, data: st.DataObject) -> None:
    content = path.read_bytes()
    end = data.draw(st.integers(4, len(content) - 1))
    with pytest.raises(ValueError, match=r"cut short|damaged"):
        size_of(content[:end], folder)


@pytest.mark.parametrize("path", LAYERED, ids=lambda path: path.stem)
@given(data=st.data())
def test_no_damage_raises_anything_but_what_is_promised(path: Path, folder: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(4, 700), min_size=1, max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        size_of(bytes(content), folder)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize("path", LAYERED, ids=lambda path: path.stem)
@pytest.mark.parametrize("value", [0, 0xFF])
def test_no_single_byte_of_a_header_can_raise_anything_else(path: Path, folder: Path, value: int) -> None:
    whole = path.read_bytes()
    for place in range(4, 700, (3 if value else 2) * (20 if WINDOWS else 1)):  # Wine takes its time for each file
        try:
            size_of(whole[:place] + bytes([value]) + whole[place + 1 :], folder)
        except ValueError as error:
            assert str(error)


def test_a_file_that_was_never_closed_is_noticed(folder: Path) -> None:
    content = LAYERED[1].read_bytes()
    table = len(content) // 8
    with pytest.raises(ValueError, match=r"cut short|damaged"):
        size_of(content[:table] + bytes(len(content) - table), folder)


def test_another_file_is_no_openexr(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    assert not is_openexr(tmp_path / "a.png")
