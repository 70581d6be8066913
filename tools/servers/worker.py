# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless worker's process, whatever farm it works for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.leash import Leashed
from tools.process import last_lines


class Worker:
    """A headless worker's process."""

    def __init__(self, blender: Path, options: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        self._process = Leashed([blender, "--command", "bender_worker", "run", *options], env=env, log=log)

    def ended(self) -> bool:
        return self._process.ended()

    def end(self) -> None:
        self._process.end()

    def last_words(self) -> str:
        return f"The end of its log, {self._log}:\n{last_lines(self._log, 12)}"
