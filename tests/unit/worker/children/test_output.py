# SPDX-License-Identifier: GPL-3.0-or-later
"""Output: what a child printed last, as people may see it."""

import os
import threading
from pathlib import Path

import pytest

from bender_worker_addon.worker.children.output import Output


def printed(folder: Path, content: bytes) -> Output:
    """One that has taken all that a child printed."""
    output = Output(folder / "child.log")
    (folder / "printed").write_bytes(content)
    output.drain((folder / "printed").open("rb"))
    return output


def test_the_last_forty_lines_are_told_without_empty_ones(tmp_path: Path) -> None:
    output = printed(tmp_path, b"".join(b"line %d\r\n\n" % number for number in range(100)))
    assert output.last_lines().splitlines() == [f"line {number}" for number in range(60, 100)]
    assert output.last_words().endswith("line 98 | line 99")


def test_nothing_in_it_steers_a_terminal(tmp_path: Path) -> None:
    output = printed(tmp_path, "\x1b[31mred\x1b[0m\a\n\x1b]0;title\x07\tb\x00\u202e\n".encode())
    assert output.last_lines() == "red\n]0;title" + " " * 6 + "b"


@pytest.mark.parametrize("address", ["https://me:hush@host/x", "amqp://guest:hush@localhost:5672/%2F"])
def test_no_password_of_an_address_is_told(tmp_path: Path, address: str) -> None:
    output = printed(tmp_path, f"licence from {address}\n".encode())
    assert "hush" not in output.last_lines() + output.last_words()
    assert "host" in output.last_lines()


def test_it_is_bounded_whatever_was_printed(tmp_path: Path) -> None:
    for content in ("ä".encode() * 100_000, ("ä" * 5000 + "\n").encode() * 100, b"\xff" * 50_000):
        assert len(printed(tmp_path, content).last_lines().encode()) <= 8192


def test_words_that_do_not_come_are_not_waited_for_for_ever(tmp_path: Path) -> None:
    output = printed(tmp_path, b"frame 1 failed: x\n")
    output.catch_up("frame 1 failed: ")
    output.catch_up("frame 2 failed: ")


def test_warnings_of_a_frame_are_waited_for_until_they_have_come(tmp_path: Path) -> None:
    read, write = os.pipe()
    output = Output(tmp_path / "child.log")
    drain = threading.Thread(target=output.drain, args=(os.fdopen(read, "rb"),))
    drain.start()
    late = threading.Timer(0.2, os.write, (write, "Warning: the picture ö is missing: /ö\n".encode()))
    later = threading.Timer(0.3, os.write, (write, b"Rendered: frame 5 of attempt 2\n"))
    for timer in (late, later):
        timer.start()
    assert output.warnings_of(2, 5) == ("the picture ö is missing: /ö",)
    assert output.warnings_of(2, 5) == ()
    os.close(write)
    drain.join()


def test_last_words_are_whole_lines_with_the_one_that_gives_the_reason(tmp_path: Path) -> None:
    reason = "Error: CUDA error at cuMemAlloc: Out of memory"
    backtrace = b"".join(b"blender(+0x%08x) [0x%016x]\n" % (number, number) for number in range(60))
    words = printed(tmp_path, f"Fra:1 {'x' * 300}\n{reason}\n".encode() + backtrace).last_words()
    first, gap, *others = words.split(" | ")
    assert (first, gap) == (reason, "…")
    assert all(line.startswith("blender(+0x") and line.endswith("]") for line in others)
    assert len(others) > 5
    assert len(words) < 700


def test_last_words_do_not_begin_in_the_middle_of_a_line(tmp_path: Path) -> None:
    words = printed(tmp_path, b"".join(b"begin %d %s end\n" % (n, b"x" * 90) for n in range(400))).last_words()
    assert all(line.startswith("begin ") and line.endswith(" end") for line in words.split(" | "))


def test_a_reason_among_the_last_lines_is_told_once(tmp_path: Path) -> None:
    content = (
        b"terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\nWriting: x\n"
    )
    words = printed(tmp_path, content).last_words()
    assert words.count("terminate called") == 1
    assert "…" not in words


def test_one_line_that_is_too_long_is_told_from_its_beginning(tmp_path: Path) -> None:
    assert printed(tmp_path, b"Error: " + b"x" * 5000).last_words().startswith("Error: xxx")
