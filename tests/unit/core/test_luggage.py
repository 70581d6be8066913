# SPDX-License-Identifier: GPL-3.0-or-later
"""Luggage is believed only if its names mean the same on every system and lead nowhere else."""

import json
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bender_worker_addon.core.luggage import (
    FOLDER,
    FileBeside,
    Listed,
    as_json,
    files_from_json,
    fits_everywhere,
    is_safe,
)

FILE = FileBeside(f"{FOLDER}/1/walk.0001.png", 12, "a" * 64)
TOLD = {"filesize": 12, "hash": "a" * 64}


def test_what_is_written_is_read_again() -> None:
    files = (FILE, FileBeside(f"{FOLDER}/2/data/fluid data_0001.vdb", 0, "0" * 64))
    assert files_from_json(json.loads(json.dumps(as_json(files)))) == files
    listed = Listed("Bob's shot {3}.blend", files)
    assert Listed.from_json(json.loads(json.dumps(listed.as_json()))) == listed
    assert FILE.path(Path("job")) == Path("job", FOLDER, "1", "walk.0001.png")


@pytest.mark.parametrize(
    "name",
    [
        *("walk.png", "other/a", f"{FOLDER}", f"/{FOLDER}/a"),
        *(
            f"{FOLDER}/{rest}"
            for rest in ("", "../data.json", "1/..", "./a", "/a", "C:/a", "a\\b", "nul.png", "a.", ".a")
        ),
        *(f"{FOLDER}/{rest}" for rest in ("a.", ".a", "a\n", "a?", "\ud800", "x" * 300, "/".join("x" * 20))),
    ],
)
def test_a_name_that_could_lead_elsewhere_is_none(name: str) -> None:
    assert not is_safe(name)
    with pytest.raises(ValueError, match="can be no file of a job"):
        files_from_json({name: TOLD})


@example(["a/b"])
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_no_name_leads_out_of_the_folder(parts: list[str]) -> None:
    name = "/".join([FOLDER, *parts])
    if is_safe(name):
        for kind in (PurePosixPath, PureWindowsPath):
            path = kind("job", *name.split("/"))
            assert not path.is_absolute()
            assert ".." not in path.parts
            assert path.parts[:2] == ("job", FOLDER)
            assert len(path.parts) == 1 + len(name.split("/"))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({f"{FOLDER}/1/a": TOLD, f"{FOLDER}/1/A": TOLD}, "capital letters"),
        ({f"{FOLDER}/1/a": TOLD, f"{FOLDER}/1/a/b/c": TOLD}, "is in another"),
        ({FILE.name: {"filesize": -1, "hash": "a" * 64}}, "can't be meant"),
        ({FILE.name: {"filesize": True, "hash": "a" * 64}}, "can't be meant"),
        ({FILE.name: {"filesize": 1, "hash": "a" * 63}}, "can't be meant"),
        ({FILE.name: {"filesize": 1, "hash": "A" * 64}}, "can't be meant"),
        ({FILE.name: None}, "can't be meant"),
        ([FILE.name], "lists no files"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(told: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        files_from_json(told)


@pytest.mark.parametrize("blend", ["../a.blend", "a.png", ".blend", "con.blend", "a/b.blend", 3, None])
def test_a_blend_is_called_so_that_every_system_can(blend: object) -> None:
    with pytest.raises(ValueError, match="names no blend"):
        Listed.from_json({"blend": blend, "files": {}})


@pytest.mark.parametrize("name", ["shot_010.blend", "Bob's shot.blend", "Größe 2.blend", "a{b}.blend", "50%.blend"])
def test_what_people_call_their_files_fits(name: str) -> None:
    assert fits_everywhere(name)
