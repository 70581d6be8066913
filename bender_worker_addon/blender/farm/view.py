# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs view: what the sidebar shows of the farm's jobs, and what was asked of them. It is looked up beside Blender's
main thread, and only while somebody can see it."""

import json
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.errors import WorkerError
from ...settings.config import ENVIRONMENT_PREFIX, WorkerConfig, settings

if TYPE_CHECKING:
    from ...farm.books import Job
    from ...sites.site import Details, Site

_SEND = 3600.0  # seconds that packing and sending may take


@dataclass(frozen=True, slots=True)
class Shown:
    """`jobs`, the newest first; `details` of the one that is chosen. `trouble` says what went wrong last; `doing`, what
    is being done now; `film`, where the one is that was made last."""

    jobs: "tuple[Job, ...]" = ()
    details: "Details | None" = None
    trouble: str = ""
    doing: str = ""
    film: str = ""


class JobsView:
    """`shown` is what a panel draws; `chosen`, the id of the job whose details are wanted."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.chosen = ""
        self._trouble = ""
        self._doing = ""
        self._film = ""
        self._thread: threading.Thread | None = None

    def look(self, config: WorkerConfig) -> None:
        """Looks the jobs up anew; `shown` has them soon. Nothing is made where there is no farm yet."""
        self._start(lambda: self._look(config))

    def choose(self, job_id: str) -> None:
        self.chosen = "" if self.chosen == job_id else job_id

    def ask(self, config: WorkerConfig, what: "Callable[[Site], object]") -> None:
        """Has something done with the farm's jobs."""
        self._begin("", lambda: self._ask(config, what))

    def run(
        self, config: WorkerConfig, command: Sequence[str], *, doing: str, then: Callable[[], None] | None = None
    ) -> None:
        """Runs a command of this add-on's in a background Blender; `then` does what is left to do, on its thread."""
        self._begin(doing, lambda: self._run(config, command, then))

    @property
    def busy(self) -> bool:
        return bool(self._doing)

    def _begin(self, doing: str, work: Callable[[], None]) -> None:
        self._trouble, self._film, self._doing = "", "", doing
        threading.Thread(target=work, name="bender-jobs", daemon=True).start()

    def _start(self, work: Callable[[], None]) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=work, name="bender-jobs-view", daemon=True)
            self._thread.start()

    def _look(self, config: WorkerConfig) -> None:
        from ...sites.site import is_there, site

        if not is_there(config):
            self.shown = Shown(trouble=self._trouble, doing=self._doing, film=self._film)
            return
        try:
            with site(config) as farm:
                jobs = tuple(farm.jobs())
                chosen = next((job for job in jobs if job.id == self.chosen), None)
                details = None if chosen is None else farm.details(chosen)
        except WorkerError as error:
            self.shown = Shown(trouble=str(error))
        else:
            self.shown = Shown(jobs, details, self._trouble, self._doing, self._film)

    def _ask(self, config: WorkerConfig, what: "Callable[[Site], object]") -> None:
        from ...sites.site import site

        try:
            with site(config) as farm:
                what(farm)
        except WorkerError as error:
            self._trouble = str(error)

    def _run(self, config: WorkerConfig, command: Sequence[str], then: Callable[[], None] | None) -> None:
        from ...worker.children.process import run_to_end

        try:
            code, words = run_to_end(command, environment=_environment(config), timeout=_SEND)
        except WorkerError as error:
            code, words = 1, str(error)
        if then is not None:
            then()
        answers = [json.loads(line) for line in words.splitlines() if line.startswith("{")]
        answer = answers[-1] if answers else {}
        self.chosen = answer.get("job") or self.chosen
        self._film = answer.get("video", "")
        hopeless = [finding["words"] for finding in answer.get("concerns", ()) if finding["hopeless"]]
        self._trouble = "" if code == 0 else "; ".join(hopeless) or _complaint(words)
        self._doing = ""


def _environment(config: WorkerConfig) -> dict[str, str]:
    """The settings in force, as a command of this add-on's reads them in a Blender without preferences."""
    values = {setting.name: getattr(config, setting.name) for setting in settings()}
    changed = {setting.name: values[setting.name] for setting in settings() if values[setting.name] != setting.default}
    return {**os.environ, **{f"{ENVIRONMENT_PREFIX}{name.upper()}": str(value) for name, value in changed.items()}}


def _complaint(words: str) -> str:
    said = [line.partition("bender_worker: ")[2] for line in words.splitlines() if "bender_worker: " in line]
    return said[-1] if said else words.strip().rpartition("\n")[2] or "it came to nothing"


jobs_view = JobsView()
