# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema: a farm's books that an earlier version made can be read and go on; of many who open them one changes them."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm import books, changes, tasks, workers
from bender_worker_addon.farm.database import FILE, Database
from bender_worker_addon.farm.schema import VERSION

OF_VERSION_2 = Path(__file__).parents[2] / "data" / "farm_2.sql"


def old_books(folder: Path) -> Path:
    """Books of version 2: job-a, of which one task is finished and another is fed, and job-b."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(OF_VERSION_2.read_text(encoding="utf-8"))
    return folder


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_yesterday_s_books_go_on(tmp_path: Path) -> None:
    folder = old_books(tmp_path / "farm")
    assert version(folder) == 2
    with closing(Database(folder)) as database:
        with database.looking() as connection:
            assert {job.id: dict(job.frames) for job in books.jobs(connection)} == {
                "job-a": {"Finished": 1, "Waiting": 2},
                "job-b": {"Waiting": 1},
            }
            first = tasks.record(connection, "job-a", 1)
            assert [worker.id for worker in workers.workers(connection)] == ["old-worker"]
            assert tasks.number_of(connection, "job-b", 1) == 1
        assert first is not None
        assert (first.worker, first.device, dict(first.timings)) == ("old-worker", "CPU", {"render": 8.5})
        assert (first.start, first.finish) == ("2026-11-24T10:00:00Z", "2026-11-24T10:00:09Z")
        with database.changing() as connection:
            workers.note(connection, "old-worker", "finish", "job-a", "1", "")
            changes.delete(connection, "job-a")
    assert version(folder) == VERSION


def test_many_open_yesterday_s_books_at_once(tmp_path: Path) -> None:
    folder = old_books(tmp_path / "farm")
    troubles: list[BaseException] = []
    together = threading.Barrier(8)

    def open_them() -> None:
        try:
            together.wait()
            Database(folder).close()
        except BaseException as error:  # noqa: BLE001  told by the test's own thread
            troubles.append(error)

    threads = [threading.Thread(target=open_them) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert version(folder) == VERSION


@pytest.mark.parametrize("old", range(1, VERSION))
def test_a_number_that_an_earlier_version_wrote_into_them_since_disturbs_nobody(tmp_path: Path, old: int) -> None:
    """It does, after each checkpoint, as long as it has them open."""
    Database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {old}")
    with closing(Database(tmp_path)) as database, database.looking() as connection:
        assert books.jobs(connection) == []
    assert version(tmp_path) == VERSION


def test_books_of_a_newer_version_are_left_alone(tmp_path: Path) -> None:
    Database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(FarmError, match="newer"):
        Database(tmp_path)
    assert version(tmp_path) == VERSION + 1
