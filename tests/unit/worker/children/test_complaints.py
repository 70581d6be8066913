# SPDX-License-Identifier: GPL-3.0-or-later
"""Complaints: what Blenders of all versions print that puts a picture in doubt, once, of its frame and its blend."""

import pytest

from bender_worker_addon.worker.children.complaints import Complaints, rendered, warning


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Warning: the picture t.png is missing: /a/t.png", "the picture t.png is missing: /a/t.png"),
        ("Error: Cannot open '/a/b.blend'", "Cannot open '/a/b.blend'"),
        (
            'WARN (bke.modifier): ./source/intern/modifier.cc:424 BKE_modifier_set_error: Object: "c", No such file',
            'Object: "c", No such file',
        ),
        (
            '00:02.101  color_management | WARNING scene view "Studio Look" not found, setting to "Standard".',
            'scene view "Studio Look" not found, setting to "Standard"',
        ),
        (
            'Color management: scene view "Studio Look" not found, setting default "Standard".',
            'scene view "Studio Look" not found, setting default "Standard"',
        ),
        (
            "00:01.464  cycles           | ERROR Could not read IES file from /g.ies",
            "Could not read IES file from /g.ies",
        ),
        ("00:01.341  depsgraph        | WARNING Dependency cycle detected:", "Dependency cycle detected:"),
        ("Dependency cycle detected:", "Dependency cycle detected"),
        ("Error in PyDriver: expression failed: hush('x')", "expression failed: hush('x')"),
        ("00:02.110  render           | Rendering frame 1", ""),
        ("Fra:1 Mem:10.2M (Peak 10.2M) | Time:00:00.01 | Warning: none", ""),
        ("00:01.350  cycles           | ERROR Failed to load 1 image files", ""),
        ('Warning: region type 4 missing in space type "Info" (id: 7) - removing region', ""),
        ("00:00.065  blend  | WARNING Region type 4 missing in space type Info (id: 7) - removing region", ""),
        ("00:00.065  cycles  | WARNING Image file  does not exist.", ""),
        ("Warning: edge 112 - 113 appears twice, correcting", ""),
        ("00:01.2  rigidbody | WARNING no vertices to define Convex Hull collision shape with", ""),
        ("0:1  cycles  | WARNING Colorspace  not found, using scene linear instead", ""),
        (
            '0:1  cycles | WARNING image colorspace "Studio" not found',
            'image colorspace "Studio" not found',
        ),
        ("Warning: can't reach amqp://me:hush@host/x", "can't reach amqp://host/x"),
    ],
)
def test_a_warning_is_known_whatever_version_writes_it(line: str, words: str) -> None:
    assert warning(line).rstrip(":") == words.rstrip(":")


def test_a_frame_has_its_own_and_those_of_its_blend_and_no_others() -> None:
    complaints = Complaints()
    complaints.take("Warning: no sound\nOpening: /x.blend\nWarning: of the blend\r\nOpened: /x.blend\n")
    complaints.take("Error: no card\nDevice: CPU\nWarning: of 1\nWarning: of 1\n" + rendered(7, 1))
    assert not complaints.has(7, 1)
    complaints.take("\nWarn")
    assert complaints.has(7, 1)
    complaints.take(f"ing: of 2\n{rendered(7, 2)}\nOpened: /y.blend\n{rendered(8, 2)}\n")
    assert complaints.of(7, 2) == ("of the blend", "of 2")
    assert complaints.of(7, 1) == ("of the blend", "of 1")
    assert complaints.of(8, 2) == ()


def test_what_is_missing_is_told_once() -> None:
    complaints = Complaints()
    complaints.take(
        "Warning: Unable to open '/a/lib.blend': No such file\nWarning: the library lib is missing: /a/lib.blend\n"
    )
    complaints.take(
        f"Opened: /x.blend\n0:1  cycles  | WARNING Image file /a/lib.blend does not exist.\n{rendered(1, 1)}\n"
    )
    complaints.take("Opened: /y.blend\nWarning: the picture a is missing: C:/us/a.png\n")
    complaints.take(f"0:1  cycles  | WARNING Image file /c/us/a.png does not exist.\n{rendered(1, 2)}\n")
    assert complaints.of(1, 2) == ("the picture a is missing: C:/us/a.png",)
    assert complaints.of(1, 1) == ("the library lib is missing: /a/lib.blend",)


def test_they_are_few_and_short_whatever_is_printed() -> None:
    complaints = Complaints()
    for frame in range(200):
        complaints.take("".join(f"Warning: {'y' * number} {'x' * 5000}\n" for number in range(100)))
        complaints.take(f"{rendered(1, frame)}\n")
    assert not complaints.has(1, 0)
    told = complaints.of(1, 199)
    assert len(told) == 10
    assert max(map(len, told)) == 300


def test_what_differs_in_numbers_only_leaves_room_for_others() -> None:
    complaints = Complaints()
    complaints.take("".join(f"Warning: face {number} is bent\n" for number in range(100_000)))
    complaints.take(f"Error: no memory for 1.png\n{rendered(1, 1)}\n")
    assert complaints.of(1, 1) == ("face 0 is bent", "no memory for 1.png")
    complaints.take("".join(f"Warning: the picture a is missing: /{number}.png\n" for number in range(3)))
    complaints.take(f"{rendered(1, 2)}\n")
    assert len(complaints.of(1, 2)) == 3


def test_of_many_files_that_are_missing_no_more_is_told_one_by_one() -> None:
    complaints = Complaints()
    complaints.take("Warning: the picture a is missing: /a.png\nWarning: 12 more files are missing\nOpened: /x\n")
    complaints.take("0:1  cycles  | WARNING Image file /b.png does not exist.\nError: no memory\n")
    complaints.take(f"{rendered(1, 1)}\n")
    assert complaints.of(1, 1) == ("the picture a is missing: /a.png", "12 more files are missing", "no memory")
