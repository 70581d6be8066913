# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py` as a person runs it: what it prints, how it fails, what it ships."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.build import package, wheels
from tools.errors import ToolError
from tools.places import PROJECT

TIMEOUT = 300.0


def test_the_last_line_is_the_blender_that_was_asked_for(blender: Path) -> None:
    done = build("blender", "--blender", str(blender))
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == str(blender)


def test_the_variable_comes_before_the_path(blender: Path, old_blender: Path) -> None:
    done = build("blender", BLENDER=str(blender), PATH=with_first(old_blender.parent))
    assert done.stdout.splitlines()[-1] == str(blender)


def test_an_old_blender_on_the_path_is_named_and_passed_over(blender: Path, old_blender: Path) -> None:
    done = build("blender", "--version", "4.9", PATH=with_first(old_blender.parent))
    assert f"Passed over: {old_blender} is Blender 3.4" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("build.py: No Blender 4.9 found")
    assert done.returncode == 1


@pytest.mark.parametrize("where", ["option", "variable"])
def test_an_old_blender_that_was_asked_for_is_an_error(old_blender: Path, where: str) -> None:
    done = (
        build("blender", "--blender", str(old_blender))
        if where == "option"
        else build("blender", BLENDER=str(old_blender))
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"build.py: {old_blender} is Blender 3.4, but 4.2 or newer is needed.\n"


def test_what_is_no_blender_is_told_in_one_line(tmp_path: Path) -> None:
    for wrong in (tmp_path / "missing", program(tmp_path / "other", "echo something else")):
        done = build("blender", "--blender", str(wrong))
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert str(wrong) in done.stderr


def test_a_machine_without_anything_is_told_what_to_install(tmp_path: Path) -> None:
    done = build("blender", PATH=str(tmp_path), BENDER_WORKER_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 1
    assert "Install Blender 4.2 or newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_zip_holds_the_package_and_nothing_else(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = {Path(name) for name in opened.namelist()}
    code = {path.relative_to(package.PACKAGE) for path in package.PACKAGE.rglob("*.py")}
    page = {path.relative_to(package.PACKAGE) for path in (package.PACKAGE / "server/web/page").iterdir()}
    shipped = {Path("wheels", wheel.name) for wheel in wheels.verified()}
    assert names == code | page | shipped | {Path("blender_manifest.toml"), Path("LICENSE")}
    assert page


def test_a_wheel_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = shutil.copytree(wheels.FOLDER, tmp_path / "wheels")
    monkeypatch.setattr(wheels, "FOLDER", changed)
    wheels.verified()
    with next(changed.glob("pika*.whl")).open("ab") as wheel:
        wheel.write(b"\n")
    with pytest.raises(ToolError, match=r"pika.* is not the one pinned"):
        wheels.verified()


def test_every_word_explains_itself() -> None:
    words = ("build", "install", "demo", "bench", "test", "blender", "wheels")
    overview = build("--help").stdout
    for word in words:
        assert word in overview
        assert build(word, "--help").stdout.startswith(f"usage: build.py {word}")


@pytest.fixture
def old_blender(tmp_path: Path) -> Path:
    """A program that says of itself what Debian 12's Blender says."""
    return program(tmp_path / "old" / "blender", "echo Blender 3.4.1")


def program(path: Path, line: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def with_first(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def build(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run build.py with these arguments, and with these environment variables changed."""
    env = {name: value for name, value in os.environ.items() if name != "BLENDER"} | variables
    command = [sys.executable, str(PROJECT / "build.py"), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=TIMEOUT)
