# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender deletes with the add-on, and what it must not: jobs, their queue and all that was rendered."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bender_worker_addon.system.lock import Lock
from tests.farm.process import DEADLINE
from tools.build.package import MODULE

ID = MODULE.rpartition(".")[2]
INSTALL = ("extension", "install-file", "--repo", "user_default", "--enable")


class User:
    """One who has a home, and in it nothing of this machine's."""

    def __init__(self, blender: Path, home: Path) -> None:
        self.blender, self.home = blender, home
        home.mkdir(exist_ok=True)
        ours = ("BENDER_", "BLENDER_", "XDG_")
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self._env["HOME"] = str(home)

    def says(self, *words: str | Path) -> str:
        """What a word of Blender's command line says."""
        command = [self.blender, "--command", *words]
        told = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout + told.stderr

    @property
    def data(self) -> Path:
        """Where Linux wants a program's data."""
        return self.home / ".local" / "share" / "bender-worker"

    @property
    def earlier(self) -> Path:
        """The extension's own folder, where earlier versions had it."""
        (user,) = self.home.glob(".config/blender/*/extensions")
        return user / ".user" / "user_default" / ID

    def frames(self) -> list[str]:
        return sorted(path.name for path in self.home.rglob("0*.png"))


@pytest.fixture
def user(blender: Path, tmp_path: Path, archive: Path) -> User:
    made = User(blender, tmp_path / "home")
    made.says(*INSTALL, archive)
    return made


@pytest.mark.both_blenders
def test_jobs_and_frames_outlive_the_add_on_and_are_found_again(user: User, blend: Path, archive: Path) -> None:
    project = user.home / "project"
    project.mkdir()
    shutil.copy(blend, project / "shot.blend")
    said = user.says("bender_worker", "submit", project / "shot.blend", "--frames", "1,2")
    assert f"Its frames go to {project / 'render' / 'shot'}" in said
    user.says("bender_worker", "run", "--max-tasks", "1", "--disklimit", "0")
    assert user.frames() == ["000001.png"]
    assert (project / "render" / "shot" / "000001.png").is_file()
    user.says("extension", "remove", ID)
    assert not user.earlier.exists()
    assert user.frames() == ["000001.png"]
    user.says(*INSTALL, archive)
    assert "1 of      2 frames" in user.says("bender_worker", "list")
    user.says("bender_worker", "run", "--max-tasks", "1", "--disklimit", "0")
    assert user.frames() == ["000001.png", "000002.png"]


@pytest.mark.both_blenders
def test_what_an_earlier_version_had_in_the_add_ons_own_folder_is_moved_once_nobody_works_there(
    user: User, blend: Path, archive: Path
) -> None:
    user.says("bender_worker", "submit", blend, "--frames", "1", "--name", "old")
    user.earlier.parent.mkdir(parents=True, exist_ok=True)
    user.data.rename(user.earlier)
    (user.earlier / "farm" / "frames" / "job").mkdir(parents=True)
    (user.earlier / "farm" / "frames" / "job" / "000777.png").write_bytes(b"a frame")
    at_work = Lock(user.earlier / "journal.sqlite")
    try:
        assert "old" in user.says("bender_worker", "list")
        assert not user.data.exists()
    finally:
        at_work.close()
    assert f"is now in {user.data}" in user.says("bender_worker", "list")
    assert not user.earlier.exists()
    said = user.says("bender_worker", "list")
    assert "old" in said
    assert "is now in" not in said
    user.says("extension", "remove", ID)
    assert user.frames() == ["000777.png"]


def test_where_there_is_data_already_what_comes_later_is_put_beside_it(user: User, blend: Path) -> None:
    """As when two Blenders had the add-on, each its own."""
    user.says("bender_worker", "submit", blend, "--frames", "1", "--name", "first")
    for job in ("second", "third"):
        (user.earlier / "farm").mkdir(parents=True)
        (user.earlier / "farm" / job).write_text(job)
        said = user.says("bender_worker", "list")
        assert "first" in said
        assert f"is now in {user.data / 'earlier'}" in said
    assert [
        (user.data / "earlier" / str(number) / "farm" / job).read_text()
        for number, job in ((1, "second"), (2, "third"))
    ] == ["second", "third"]


def test_what_is_chosen_in_the_settings_stays_where_it_is(user: User, blend: Path) -> None:
    user.earlier.mkdir(parents=True)
    (user.earlier / "config.toml").write_text(f"outpath = '{user.earlier / 'mine'}'\n")
    said = user.says("bender_worker", "config")
    assert "Blender deletes it with the add-on: choose another" in said
    assert f"outpath = {user.earlier / 'mine'}" in said
    shutil.rmtree(user.earlier)
