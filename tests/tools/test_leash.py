# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs on a leash end when they are told to, when they are killed, and when whoever holds the leash is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.leash import NOT_FOUND, Leashed
from tools.places import PROJECT

PATIENCE = 20.0
# A program with a child of its own, both deaf to SIGTERM where `trap` says so; it leaves their process ids.
FAMILY = "{trap} sleep 1000 & echo $$ $! > {ids}.part; mv {ids}.part {ids}; wait"


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"], ids=["obedient", "deaf"])
def test_kill_ends_the_program_and_its_children(tmp_path: Path, trap: str) -> None:
    leashed = Leashed(family(tmp_path, trap), env=os.environ, log=tmp_path / "log")
    members = born(tmp_path)
    leashed.kill()
    assert leashed.ended()
    wait_until_gone(members)


def test_end_takes_the_children_along(tmp_path: Path) -> None:
    leashed = Leashed(family(tmp_path), env=os.environ, log=tmp_path / "log")
    members = born(tmp_path)
    leashed.end()
    assert leashed.ended()
    wait_until_gone(members)
    leashed.end()  # as a farm ends all its workers, also one that was ended before


def test_nothing_outlives_a_holder_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time, pathlib; from tools.leash import NOT_FOUND, Leashed;"
        "held = Leashed(sys.argv[2:], env=os.environ, log=pathlib.Path(sys.argv[1])); time.sleep(1000)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log"), *family(tmp_path, "trap '' TERM;")]
    with subprocess.Popen(command, cwd=PROJECT) as holder:
        members = born(tmp_path)
        holder.kill()
    wait_until_gone(members)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell whose orphans they are")
def test_orphans_are_taken_along_where_that_is_wanted(tmp_path: Path) -> None:
    """The program has ended before it is told anything; what it left is in a session of its own."""
    left = {}
    for orphans in (True, False):
        (folder := tmp_path / str(orphans)).mkdir()
        command = ["sh", "-c", 'setsid "$@" & until [ -e "$0" ]; do sleep 0.01; done; exit 7', str(folder / "ids")]
        leashed = Leashed([*command, *family(folder)], env=os.environ, log=tmp_path / "log", orphans=orphans)
        assert leashed.wait(PATIENCE) == 7
        leashed.kill()
        left[orphans] = born(folder)
    assert all(map(alive, left[False]))
    for member in left[False]:
        os.kill(member, signal.SIGKILL)
    wait_until_gone(left[True])


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    leashed = Leashed([tmp_path / "absent"], env=os.environ, log=tmp_path / "log")
    assert leashed.wait(PATIENCE) == NOT_FOUND
    leashed.kill()
    assert str(tmp_path / "absent") in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_program_that_is_interrupted_may_clean_up(tmp_path: Path) -> None:
    script = "trap 'echo cleaned; exit 3' INT; echo $$ > {ids}.part; mv {ids}.part {ids}; sleep 1000 & wait"
    command = ["sh", "-c", script.format(ids=tmp_path / "ids")]
    leashed = Leashed(command, env=os.environ, log=tmp_path / "log")
    born(tmp_path)
    leashed.end(by=signal.SIGINT)
    assert leashed.wait(PATIENCE) == 3
    assert (tmp_path / "log").read_text() == "cleaned\n"


def family(folder: Path, trap: str = "") -> list[str]:
    return ["sh", "-c", FAMILY.format(trap=trap, ids=folder / "ids")]


def born(folder: Path) -> list[int]:
    """The process ids of the family, once it is complete."""
    deadline = time.monotonic() + PATIENCE
    while not (folder / "ids").exists():
        assert time.monotonic() < deadline, "the program did not start"
        time.sleep(0.02)
    return [int(word) for word in (folder / "ids").read_text().split()]


def wait_until_gone(members: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := [member for member in members if alive(member)]:
        assert time.monotonic() < deadline, f"still alive: {left}"
        time.sleep(0.02)


def alive(process_id: int) -> bool:
    """Whether it runs; what is dead and only waits to be reaped does not."""
    answer = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, timeout=10)
    return bool(answer.stdout.strip()) and not answer.stdout.strip().startswith("Z")
