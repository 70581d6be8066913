# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: one line a message, whatever stands in it."""

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.blender import log as log_module
from bender_worker_addon.core.in_flight import InFlight
from bender_worker_addon.core.task import Task
from bender_worker_addon.core.told import told
from bender_worker_addon.system.platform import WINDOWS
from tests.unit.support import message


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder, logger = tmp_path_factory.mktemp("log"), logging.getLogger("bender_worker_addon")
    before = logger.propagate, logger.level, logging.getLogger("pika").level
    log_module.log_to_file(folder, log_module.EventLog())
    yield folder / "worker.log"
    log_module.stop_logging()
    logger.propagate = before[0]
    logger.setLevel(before[1])
    logging.getLogger("pika").setLevel(before[2])


def written() -> None:
    for handler in logging.getLogger("bender_worker_addon").handlers * 15:  # each waits for a second at most
        handler.flush()


@pytest.fixture
def a_minute_later(lines: Path) -> None:
    later()


def later() -> None:
    """What was logged so far counts no more."""
    log_module._bounded._over_at = 0.0
    log_module._bounded._left_out = 0


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_breaks_a_line_or_holds_what_a_terminal_obeys(lines: Path, text: str) -> None:
    later()
    before = lines.read_bytes() if lines.exists() else b""
    logging.getLogger("bender_worker_addon.worker.life.life").warning("task %s", text)
    written()
    added = lines.read_bytes()[len(before) :].decode()
    assert added.endswith("\n")
    line = added.removesuffix("\n").removesuffix("\r")
    assert line.splitlines() == [line]
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in line)


def test_the_words_of_the_message_are_kept(lines: Path) -> None:
    logging.getLogger("bender_worker_addon.worker.life.life").warning("task %s", "a\n2026 ERROR forged \x1b[31m")
    written()
    assert "task a\\n2026 ERROR forged \\x1b[31m" in lines.read_text(encoding="utf-8").splitlines()[-1]


@pytest.mark.usefixtures("a_minute_later")
def test_a_flood_is_kept_out_of_the_log_and_counted(lines: Path) -> None:
    logger = logging.getLogger("bender_worker_addon.worker.life.life")
    for number in range(1000):
        logger.info("job x: it is tried again")
        logger.error("task %032x: failed: frame %d: no camera", number, number)
        logger.info("frame %d stored", number)
    written()
    before = lines.read_text(encoding="utf-8")
    assert before.count("it is tried again") == 5
    assert before.count("no camera") == 60
    assert before.count(" stored") >= 1000
    log_module._bounded._over_at = 0.0
    logger.info("job x: it is tried again")
    written()
    told = [line.split(maxsplit=2)[2] for line in lines.read_text(encoding="utf-8").splitlines()[-2:]]
    assert told == ["WARNING 1935 lines that said the same again were left out", "INFO    job x: it is tried again"]


@pytest.mark.usefixtures("a_minute_later")
def test_a_full_log_is_put_aside_and_few_of_those_are_kept(lines: Path) -> None:
    for number in range(60):
        logging.getLogger("bender_worker_addon.worker.life.life").warning("task %d %s", number, "x" * 100_000)
    written()
    sizes = {path.name: path.stat().st_size for path in lines.parent.iterdir()}
    assert sorted(sizes) == ["worker.log", "worker.log.1", "worker.log.2", "worker.log.3"]
    assert max(sizes.values()) <= 1 << 20
    assert "task 59" in lines.read_text(encoding="utf-8").splitlines()[-1]


def test_who_logs_does_not_wait_for_a_disk_that_hangs_and_closing_not_for_long(tmp_path: Path) -> None:
    if WINDOWS:
        pytest.skip("on Windows it can't be seen that a pipe is full")
    reads, hangs = os.pipe()
    os.set_blocking(hangs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(hangs, b"x" * 4096)  # a full pipe takes nothing, as a disk that hangs
    os.set_blocking(hangs, True)
    with os.fdopen(hangs, "w", encoding="utf-8") as stuck:
        handler = log_module._Beside(logging.StreamHandler(stuck))
        logger = logging.getLogger("tests.of_its_own")
        logger.addHandler(handler)
        for number in range(100):
            logger.warning("line %d", number)
        handler.close()
        got = os.read(reads, 1 << 20)
        handler.flush()
        got += os.read(reads, 1 << 20)
    os.close(reads)
    assert got.decode().lstrip("x").splitlines() == [f"line {number}" for number in range(100)]


def held(*_: object) -> Path:
    raise PermissionError


def test_a_full_log_that_somebody_has_open_loses_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows it can't be renamed meanwhile: older ones stay as they are, and it grows."""
    path = log_module.log_path(tmp_path)
    file = log_module._File(path, maxBytes=100, backupCount=2, encoding="utf-8")
    older = path.with_name(f"{path.name}.1")
    older.write_text("older")
    with path.open():
        if not WINDOWS:
            monkeypatch.setattr(Path, "replace", held)
        for number in range(20):
            file.emit(logging.makeLogRecord({"msg": f"line {number}"}))
    assert path.read_text().splitlines() == [f"line {number}" for number in range(20)]
    assert older.read_text() == "older"
    monkeypatch.undo()
    file.emit(logging.makeLogRecord({"msg": "at last"}))
    file.close()
    assert path.read_text().splitlines() == ["at last"]


def test_people_are_told_what_concerns_them_with_names_and_what_goes_wrong(lines: Path) -> None:
    """All of it stands in the file, for who looks for more."""
    (events,) = (
        found for found in logging.getLogger("bender_worker_addon").handlers if isinstance(found, log_module.EventLog)
    )
    task = json.loads(message(job="0123456789abcdef0123456789abcdef", frames=(3, 4)))
    task["data"]["name"] = "shot_010"
    held = InFlight(Task.from_json(json.dumps(task).encode()), [], redelivered=False)
    log = logging.getLogger("bender_worker_addon.worker")
    log.info("%s: constructed", held)
    log.info("%s: frame 3 stored, 8 kB: /frames/000003.png", held, extra=told("shot_010, frame 3 is done: 100%"))
    log.warning("%s: %s; trying once more", held, "Blender died")
    assert [line.partition(" ")[2] for line in list(events.lines)[:2]] == [
        "shot_010, frames 3-4: Blender died; trying once more",
        "shot_010, frame 3 is done: 100%",
    ]
    written()
    assert lines.read_text().count(f"task {held.task.id}") == 3
