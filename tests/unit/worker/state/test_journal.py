# SPDX-License-Identifier: GPL-3.0-or-later
"""Journal: what was written is there again, whatever became of the process that wrote it."""

import os
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import FolderInUse, WorkerError
from bender_worker_addon.system.executor import Executor
from bender_worker_addon.worker.state.journal import Journal
from tests.unit.support import DEADLINE, Farm, child_command, message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def test_reports_are_there_again_in_their_order(journal: Journal, path: Path) -> None:
    written = [journal.add_report(f"stat.{number}", bytes([number])) for number in range(20)]
    journal.remove_reports([written[3].id])
    journal.close()
    again = Journal(path)
    assert again.unconfirmed_reports() == written[:3] + written[4:]
    again.close()


@given(st.text(max_size=20), st.binary(max_size=200))
def test_what_is_written_comes_back_byte_by_byte(routing_key: str, body: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        report = journal.add_report(routing_key, body)
        assert journal.unconfirmed_reports() == [report]
        journal.remember_finished("task", body)
        assert journal.rendered("task") == body
        journal.close()


def test_numbers_of_reports_only_rise_even_over_restarts(journal: Journal, path: Path) -> None:
    first = journal.add_report("a", b"")
    journal.remove_reports([first.id])
    journal.close()
    again = Journal(path)
    assert again.add_report("b", b"").id > first.id
    again.close()


def test_finished_tasks_are_known_by_their_last_end(journal: Journal, path: Path) -> None:
    journal.remember_finished("task", b"once")
    journal.remember_finished("task", b"twice")
    journal.close()
    again = Journal(path)
    assert again.rendered("task") == b"twice"
    assert again.rendered("other") is None
    again.close()


def test_a_task_finished_a_month_ago_is_forgotten(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.remember_finished("task", b"x")
    journal.close()
    monkeypatch.setattr("bender_worker_addon.worker.state.journal._REMEMBERED", -1)
    again = Journal(path)
    assert again.rendered("task") is None
    again.close()


def test_a_second_worker_is_refused_in_this_process(journal: Journal, path: Path) -> None:
    with pytest.raises(FolderInUse, match="data_dir"):
        Journal(path)
    journal.add_report("still", b"works")


def test_a_second_worker_is_refused_in_another_process(journal: Journal, path: Path) -> None:
    command = child_command("reports_until_killed", path)
    said = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
    assert said == "in use\n"
    assert journal.unconfirmed_reports() == []


def test_a_closed_journal_is_free_for_the_next(journal: Journal, path: Path) -> None:
    journal.close()
    Journal(path).close()


def test_nothing_that_was_written_is_lost_when_the_process_is_killed(path: Path) -> None:
    with subprocess.Popen(child_command("reports_until_killed", path), stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            said = writer.stdout.readline()
        writer.kill()
        rest = writer.stdout.read().splitlines()
    last = int([said.strip(), *(line for line in rest if line)][-1])
    journal = Journal(path)
    bodies = [int(report.body) for report in journal.unconfirmed_reports()]
    journal.close()
    assert bodies == list(range(len(bodies)))
    assert len(bodies) > last


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
def test_others_cannot_read_it(journal: Journal, path: Path) -> None:
    journal.add_report("secret", b"secret")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_what_is_no_journal_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(WorkerError, match=r"journal\.sqlite can't be used"):
        Journal(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkerError, match=r"journal\.sqlite can't be used"):
        Journal(tmp_path / "file" / "journal.sqlite")


def test_what_is_written_while_the_journal_settles_is_kept_in_order(path: Path) -> None:
    with closing(Journal(path)) as journal:
        done = threading.Event()

        def keep_on() -> None:
            while not done.is_set():
                journal.checkpoint()

        settling = threading.Thread(target=keep_on)
        settling.start()
        try:
            reports = [journal.add_report(f"stat.{number}", b"body" * 200) for number in range(2000)]
            for report in reports[::2]:
                journal.remove_reports([report.id])
            assert journal.unconfirmed_reports() == reports[1::2]
        finally:
            done.set()
            settling.join()
    with closing(Journal(path)) as journal:
        assert journal.unconfirmed_reports() == reports[1::2]
        assert journal.add_report("stat.last", b"").id > reports[-1].id


class Slow:
    """The journal's disk, which does not answer from `start` to `answer`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._asked, self._answers = threading.Event(), threading.Event()
        self.was_waited_for = False
        self._answers.set()
        journal._database.set_trace_callback(self._statement)

    def start(self) -> None:
        self._answers.clear()
        self._journal.add_blend("something to be written")
        assert self._asked.wait(DEADLINE)

    def answer(self) -> None:
        self._answers.set()

    def _statement(self, _statement: str) -> None:
        if not self._answers.is_set():
            self._asked.set()
            self.was_waited_for |= not self._answers.wait(DEADLINE)


def test_nobody_who_works_waits_for_the_disk(path: Path) -> None:
    writing = Executor("journal", inbox=SimpleQueue())
    with closing(Journal(path, beside=writing.do)) as journal:
        slow = Slow(journal)
        first = journal.add_report("stat", b"first")
        journal.remember_finished("finished", b"")
        slow.start()
        second = journal.add_report("stat", b"second")
        journal.remove_reports([first.id])
        assert journal.unconfirmed_reports() == [second]
        journal.remember_uploading("uploading", b"body")
        assert journal.uploading() == [b"body"]
        assert [journal.knows(task) for task in ("finished", "uploading", "other")] == [True, True, False]
        journal.count_start("task")
        assert (journal.starts("task"), journal.starts("other")) == (1, 0)
        journal.forget_starts("task")
        assert journal.starts("task") == 0
        journal.settle()
        slow.answer()
        assert journal.rendered("uploading") == b"body"
        writing.close(timeout=DEADLINE)
        assert not slow.was_waited_for
    with closing(Journal(path)) as again:
        assert again.unconfirmed_reports() == [second]


def test_a_task_is_received_and_begun_whatever_the_journal_s_disk_does(farm: Farm) -> None:
    slow = Slow(farm.worker._journal)
    slow.start()
    farm.add()
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    farm.broker.disconnect()
    farm.broker.connect()
    farm.until(lambda: farm.worker._connection.online)
    slow.answer()
    assert not slow.was_waited_for


def test_what_is_in_memory_is_what_is_on_the_disk(journal: Journal, path: Path) -> None:
    for _ in range(2):
        journal.count_start("begun")
    journal.count_start("ended")
    journal.forget_starts("ended")
    journal.remember_uploading("uploading", b"")
    journal.remember_uploading("uploaded", b"")
    journal.remember_finished("uploaded", b"")
    report = journal.add_report("stat", b"body")
    journal.close()
    with closing(Journal(path)) as again:
        assert (again.starts("begun"), again.starts("ended")) == (2, 0)
        assert again.knows("uploading")
        assert again.knows("uploaded")
        assert again.unconfirmed_reports() == [report]
        assert len(again.uploading()) == 1


def test_the_first_write_after_a_checkpoint_waits_for_no_disk(journal: Journal, path: Path) -> None:
    """It would, if it began the log anew: that is done with the checkpoint."""

    def salt() -> bytes:
        return path.with_name("journal.sqlite-wal").read_bytes()[16:24]

    journal.add_report("stat", b"before")
    before = salt()
    journal.checkpoint()
    after = salt()
    journal.add_report("stat", b"after")
    assert before != after
    assert salt() == after


def test_of_finished_tasks_the_newest_are_remembered(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bender_worker_addon.worker.state.journal._REMEMBERED_AT_MOST", 3)
    for number in range(5):
        journal.remember_finished(f"task-{number}", b"body")
    journal.checkpoint()
    for known in (lambda task: journal.rendered(task) is not None, journal.knows):
        assert [known(f"task-{number}") for number in range(5)] == [False, False, True, True, True]
