# SPDX-License-Identifier: GPL-3.0-or-later
"""News: what has become of her jobs, told once, in words for people. No bpy."""

import logging
import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ...core.errors import WorkerError
from ...system.programs import run_to_end
from ..beside import Beside

if TYPE_CHECKING:
    from ...farm.books import Job

log = logging.getLogger(__name__)

_PATIENCE = 30.0  # seconds in which a desktop has shown something


class News:
    def __init__(self) -> None:
        self._ends: dict[str, str] | None = None  # of each job, by its id, how it ended; empty if it hasn't

    def since(self, jobs: "Sequence[Job]") -> list[str]:
        """What has ended since this was asked before, a sentence each. What had when it is asked first is no news."""
        before, self._ends = self._ends, {job.id: _end(job) for job in jobs}
        if before is None:
            return []
        return [_sentence(job) for job in jobs if self._ends[job.id] and not before.get(job.id)]


def _end(job: "Job") -> str:
    if job.stopped:
        return "Stopped"
    return job.status if job.status in ("Finished", "Errored") else ""


def _sentence(job: "Job") -> str:
    if job.stopped:
        return f"{job.name} has stopped: {job.stopped}"
    if job.status == "Errored":
        return f"{job.name} failed: {job.failed} of {_frames(job.total)}"
    return f"{job.name} is done: {_frames(job.total)}"


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def show_on_desktop(words: str) -> None:
    """Beside the main thread; a desktop that has nothing for it shows nothing."""
    from ...system import notice

    command, environment = notice.command("Bender", words)
    if command:
        Beside("bender-notice", partial(_show, command, environment))


def _show(command: list[str], environment: dict[str, str]) -> None:
    try:
        code, said = run_to_end(command, environment={**os.environ, **environment}, timeout=_PATIENCE)
    except WorkerError as error:
        code, said = 1, str(error)
    if code:
        log.debug("the desktop shows no notice: %s", said.strip())
