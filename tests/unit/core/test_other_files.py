# SPDX-License-Identifier: GPL-3.0-or-later
"""Other files: their names lead nowhere but into folders below a job's, on every system."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from bender_worker_addon.core.other_files import OtherFile, as_json, from_json, is_safe, safe_name

HASH = "0a" * 64

KEPT = {
    ("passes", "Image0121.png"): "passes/Image0121.png",
    ("passes", "near", "z 1.exr"): "passes/near/z 1.exr",
    ("Pässe", "Bild0001.JPG"): "Pässe/Bild0001.JPG",
    ("a", "..", "b.png"): "a/_/b.png",
    ("a", ".hidden.png"): "a/_.hidden.png",
    ("con", "nul.png"): "_con/_nul.png",
    ("a:b", "c?d*.png"): "a_b/c_d_.png",
    ("a. ", "b.png"): "a/b.png",
    ("a\\..\\b", "c\n.png"): "a_.._b/c_.png",
    ("x" * 200, "y" * 200 + "0001.exr"): f"{'x' * 100}/{'y' * 60}{'y' * 32}0001.exr",
}
LOST = [("000001.png",), ("a", "b.blend"), ("a", "b"), ("a", "..", ".."), (*"abcdefgh", "i.png"), ()]


@pytest.mark.parametrize("parts", KEPT)
def test_a_name_means_the_same_on_every_system(parts: tuple[str, ...]) -> None:
    name = safe_name(parts)
    assert name == KEPT[parts]
    for pure in (PurePosixPath, PureWindowsPath):
        path = pure(name)
        assert path.as_posix() == name
        assert not path.is_absolute()
        assert ".." not in path.parts


@pytest.mark.parametrize("parts", LOST)
def test_what_is_no_picture_or_would_be_among_the_frames_has_no_name(parts: tuple[str, ...]) -> None:
    assert safe_name(parts) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("000001.png", "/etc/a.png", "a/../b.png", "../a.png", "a//b.png", "a/./b.png", ".new/a.png", "a/.b.png"),
        *("C:/a.png", "a\\b/c.png", "a/b.html", "a/b", "", "/", "a/", "con/a.png", "a/nul.png", "a /b.png", "a./b.png"),
        *("a/b.png\n", "a/b\0.png", "a/" * 8 + "b.png", "a/" + "b" * 200 + ".png"),
    ],
)
def test_another_machine_may_name_no_place_but_one_of_a_job(name: str) -> None:
    assert not is_safe(name)


def test_what_is_told_of_them_is_read_again_and_all_else_passed_over() -> None:
    files = (OtherFile("passes/a0001.png", 12, HASH), OtherFile("passes/b0001.exr", 0, HASH))
    told = as_json(files)
    assert from_json(told) == files
    assert files[0].path(Path("job")) == Path("job", "passes", "a0001.png")
    well = {"filesize": 1, "hash": HASH}
    for wrong in (
        {"../a.png": well},
        {"a/b.png": {"filesize": -1, "hash": HASH}},
        {"a/b.png": {"filesize": True, "hash": HASH}},
        {"a/b.png": {"filesize": "1", "hash": HASH}},
        {"a/b.png": {"filesize": 1, "hash": "xyz"}},
        {"a/b.png": {"filesize": 1}},
        {"a/b.png": [1, HASH]},
    ):
        assert from_json({**wrong, **told}) == files
    assert from_json(None) == from_json([]) == from_json("a/b.png") == from_json(3) == ()
