# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a file, whichever way it is named: one that is held never looks free."""

from contextlib import closing
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import FolderInUse
from bender_worker_addon.system.lock import Lock, is_locked
from bender_worker_addon.system.platform import WINDOWS


@pytest.mark.parametrize("name", ["lock", "100%3f of a lock", "Größe #1", "a&b=c"])
def test_it_is_locked_while_it_is_held(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with closing(Lock(path)):
        assert is_locked(path)
        with pytest.raises(FolderInUse):
            Lock(path)
    assert not is_locked(path)


def test_what_is_not_there_is_free_and_is_not_made(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not WINDOWS, reason="only Windows has such a name for a file")
def test_it_is_locked_by_its_name_without_limits_too(tmp_path: Path) -> None:
    unlimited = Path(f"\\\\?\\{tmp_path / 'lock'}")
    with closing(Lock(tmp_path / "lock")):
        assert is_locked(unlimited)
    assert not is_locked(unlimited)


def test_one_on_a_share_that_is_gone_is_taken_for_held(tmp_path: Path) -> None:
    assert is_locked(Path("\\\\nas\\farm\\owners\\lock") if WINDOWS else tmp_path / "gone" / "lock")
