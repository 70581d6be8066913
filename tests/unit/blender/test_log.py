# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: one line a message, whatever stands in it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.blender import log as log_module


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


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_breaks_a_line_or_holds_what_a_terminal_obeys(lines: Path, text: str) -> None:
    before = lines.read_bytes() if lines.exists() else b""
    logging.getLogger("bender_worker_addon.worker.life.life").warning("task %s", text)
    written = lines.read_bytes()[len(before) :].decode()
    assert written.endswith("\n")
    line = written.removesuffix("\n").removesuffix("\r")
    assert line.splitlines() == [line]
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in line)


def test_the_words_of_the_message_are_kept(lines: Path) -> None:
    logging.getLogger("bender_worker_addon.worker.life.life").warning("task %s", "a\n2026 ERROR forged \x1b[31m")
    assert "task a\\n2026 ERROR forged \\x1b[31m" in lines.read_text(encoding="utf-8").splitlines()[-1]


def test_a_full_log_is_put_aside_and_few_of_those_are_kept(lines: Path) -> None:
    for number in range(60):
        logging.getLogger("bender_worker_addon.worker.life.life").warning("task %d %s", number, "x" * 100_000)
    sizes = {path.name: path.stat().st_size for path in lines.parent.iterdir()}
    assert sorted(sizes) == ["worker.log", "worker.log.1", "worker.log.2", "worker.log.3"]
    assert max(sizes.values()) <= 1 << 20
    assert "task 59" in lines.read_text(encoding="utf-8").splitlines()[-1]
