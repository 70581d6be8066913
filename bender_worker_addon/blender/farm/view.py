# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs view: what the sidebar shows of the farm's jobs, and what was asked of them. What takes its time is done beside
Blender's main thread; the jobs are looked up only while somebody can see them, and seldom where that takes long."""

import json
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ...settings.config import ENVIRONMENT_PREFIX, WorkerConfig, settings
from ..beside import Beside
from ..progress_bar import Progress
from .background import Background
from .words import in_order

if TYPE_CHECKING:
    from ...farm.books import Job
    from ...sites.site import Details, Site

_EVERY, _EVERY_REMOTE = 1.0, 3.0  # seconds, at least, between two looks at the jobs
_LONGEST = 60.0  # and at most, where the farm is elsewhere and doesn't answer: each time twice as long
_SHARE = 5  # the least time between two as a multiple of what the last one took
_SEND = 3600.0  # seconds that packing and sending may take


@dataclass(frozen=True, slots=True)
class Shown:
    """`jobs`, in the order in which an artist wants to see them; `details` of the one that is chosen. `trouble` says
    what went wrong last; `doing`, what is being done now, and how much of it is; `film`, where the one is that was made
    last.
    `elsewhere`: what the worker of another Blender of hers is doing, if there is one; `unattended`: jobs wait on a farm
    elsewhere, and no worker of it is at hand."""

    jobs: "tuple[Job, ...]" = ()
    details: "Details | None" = None
    trouble: str = ""
    doing: Progress | None = None
    film: str = ""
    elsewhere: str = ""
    unattended: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look has found, and the seconds it took."""

    jobs: "tuple[Job, ...]" = ()
    details: "Details | None" = None
    seconds: float = 0.0
    elsewhere: str = ""
    unattended: bool = False


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of a command: the job it was about, the film it made; what went wrong, and whether it was refused."""

    job: str = ""
    film: str = ""
    trouble: str = ""
    refused: bool = False


class JobsView:
    """For Blender's main thread. `shown` is what a panel draws; `chosen`, the id of the job of which more is wanted;
    `failed`: the last command did; `refused`: what was to be sent last was not, as it seemed that nothing of it could
    be rendered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.shown = Shown()
        self.chosen = ""
        self.refused = False
        self._seen = _Seen()
        self._no_sight = ""  # why the last look found nothing
        self._looking: Beside[_Seen] | None = None
        self._looked_at: float | None = None
        self._is_remote = False
        self._in_vain = 0  # looks in a row
        self._sent: set[str] = set()
        self._look_soon = False
        self._site: tuple[WorkerConfig, Site] | None = None
        self._asking: deque[Beside[None]] = deque()
        self._command: Beside[_Done] | None = None
        self._doing: Progress | None = None
        self._ready: tuple[WorkerConfig, Background] | None = None
        self._trouble = ""
        self._film = ""
        self.failed = False

    @property
    def busy(self) -> bool:
        """Whether a command runs."""
        return self._command is not None and not self._command.done

    @property
    def is_new(self) -> bool:
        """Whether nothing was looked up yet."""
        return self._looked_at is None

    def own(self) -> "Sequence[Job]":
        """Her jobs: all those on this machine, and of a farm's those that were sent from here."""
        if not self._is_remote:
            return self.shown.jobs
        return [job for job in self.shown.jobs if job.id in self._sent]

    def look(self, config: WorkerConfig, *, is_seen: bool = True, works_here: bool = False, pause: float = 0.0) -> None:
        """To be called again and again while the jobs can be seen: takes in what came since, and looks them up anew
        when it is time, `pause` seconds after the last look at the soonest. Nothing is made where there is no farm yet.
        `is_seen`: the farm's jobs can be seen from here; else only who works on this computer is looked up.
        `works_here`: this process has a worker, and there is none in another one."""
        self._take_in()
        if self._looking is None and (self._look_soon or self._is_due(pause)):
            self._look_soon = False
            self._is_remote = is_seen and _is_elsewhere(config)
            self._looking = Beside("bender-jobs-view", partial(self._look, config, self.chosen, is_seen, works_here))
        self._show()

    def _is_due(self, pause: float) -> bool:
        if self._looked_at is None:
            return True
        usual = _EVERY_REMOTE if self._is_remote else _EVERY
        every: float = min(usual * 2 ** min(self._in_vain, 10), _LONGEST)
        return self._clock() >= self._looked_at + max(pause, every, _SHARE * self._seen.seconds)

    def choose(self, job_id: str) -> None:
        self.chosen = job_id
        self._look_soon = True

    def ask(self, config: WorkerConfig, what: "Callable[[Site], object]") -> None:
        """Has something done with the farm's jobs, after what was asked before."""
        self._trouble = ""
        before = self._asking[-1] if self._asking else None
        self._asking.append(Beside("bender-jobs", partial(_ask, config, what, before)))

    def tell(self, trouble: str) -> None:
        """What went wrong elsewhere."""
        self._trouble = trouble
        self._show()

    def get_ready(self, config: WorkerConfig, command: Sequence[str]) -> None:
        """Starts a background Blender that waits for what `run` will have it do: it is there when that is known."""
        self.let_go()
        self._ready = config, Background(command, environment=environment_of(config))

    def let_go(self) -> None:
        """Nothing is to be done by the one that waits."""
        if self._ready is not None:
            self._ready[1].let_go()
        self._ready = None

    def run(
        self,
        config: WorkerConfig,
        command: Sequence[str],
        words: Sequence[str],
        *,
        doing: str,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Has a background Blender, the one that waits or another that is started by `command`, do what `words` say, as
        a command of this add-on's; `then` does what is left to do, on its thread."""
        self._take_in()
        if self._ready is None or self._ready[0] != config:
            self.get_ready(config, command)
        assert self._ready is not None
        (_, background), self._ready = self._ready, None
        self._doing, self._trouble, self._film, self.failed = Progress(doing, 0.0), "", "", False
        self._command = Beside("bender-jobs", partial(_run, background, words, self._note, then))
        self._show()

    def _note(self, progress: Progress) -> None:
        """Called on the thread of who runs the command."""
        self._doing = progress

    def _take_in(self) -> None:
        if self._looking is not None and self._looking.done:
            self._looked(self._looking)
        while self._asking and self._asking[0].done:
            self._asked(self._asking.popleft())
        if self._command is not None and self._command.done:
            self._ran(self._command)

    def _looked(self, looking: "Beside[_Seen]") -> None:
        seen, self._no_sight = looking.outcome()
        self._looking, self._seen, self._looked_at = None, seen or _Seen(), self._clock()
        self._in_vain = self._in_vain + 1 if self._no_sight and self._is_remote else 0

    def _asked(self, asking: "Beside[None]") -> None:
        _, trouble = asking.outcome()
        self._trouble = trouble or self._trouble
        self._look_soon = True

    def _ran(self, command: "Beside[_Done]") -> None:
        self._command, self._doing, self._look_soon = None, None, True
        done, trouble = command.outcome()
        done = done or _Done(trouble=trouble)
        self.chosen = done.job or self.chosen
        self._sent.add(done.job)
        self._film, self._trouble, self.refused = done.film, done.trouble, done.refused
        self.failed = bool(done.trouble)

    def _show(self) -> None:
        trouble = self._no_sight or self._trouble
        seen = self._seen
        self.shown = Shown(seen.jobs, seen.details, trouble, self._doing, self._film, seen.elsewhere, seen.unattended)

    def _look(self, config: WorkerConfig, chosen: str, is_seen: bool, works_here: bool) -> _Seen:
        """The farm is kept from one look to the next: it may remember what it has read."""
        from ...sites.site import is_there, site

        began = time.monotonic()
        elsewhere = "" if works_here else state_elsewhere(config)
        if not (is_seen and is_there(config)):
            return _Seen(elsewhere=elsewhere)
        if self._site is None or self._site[0] != config:
            self._site = config, site(config)
        with self._site[1] as farm:
            jobs = in_order(farm.jobs())
            job = next((job for job in jobs if job.id == chosen), None)
            details = None if job is None else farm.details(job)
            unattended = not works_here and _is_elsewhere(config) and _is_unattended(farm, jobs)
        return _Seen(jobs, details, time.monotonic() - began, elsewhere, unattended)


def state_elsewhere(config: WorkerConfig) -> str:
    """What the worker does that runs on her data folder in another process; empty if there is none."""
    from ...core.errors import NotRunning, WorkerError
    from ...worker import control

    try:
        return str(control.ask(config.data_dir, control.STATUS).get("state", ""))
    except NotRunning:
        return ""
    except WorkerError:
        return "At work"


def _is_unattended(farm: "Site", jobs: "Sequence[Job]") -> bool:
    """Whether nobody works for a farm, which is asked only while something waits and nothing is rendered. Not knowing
    it is no reason to show nothing."""
    from ...core.errors import FarmError
    from ...farm.workers import HERE

    states = {job.status for job in jobs if not job.paused}
    if "Queued" not in states or "Running" in states:
        return False
    with suppress(FarmError):
        return not any(worker.presence == HERE for worker in farm.workers())
    return False


def _is_elsewhere(config: WorkerConfig) -> bool:
    from ...sites.site import is_remote

    return is_remote(config)


def _ask(config: WorkerConfig, what: "Callable[[Site], object]", before: Beside[None] | None) -> None:
    """`before` is what was asked before, and is to be done first."""
    from ...sites.site import site

    if before is not None:
        before.wait()
    with site(config) as farm:
        what(farm)


def _run(
    background: Background, words: Sequence[str], told: Callable[[Progress], None], then: Callable[[], None] | None
) -> _Done:
    try:
        code, lines = background.to_end(words, timeout=_SEND, told=told)
    finally:
        if then is not None:
            then()
    answer = answer_in(lines)
    hopeless = [finding["words"] for finding in answer.get("concerns", ()) if finding["hopeless"]]
    trouble = "" if code == 0 else "; ".join(hopeless) or complaint_in(lines)
    return _Done(answer.get("job", ""), answer.get("video", ""), trouble, bool(trouble and hopeless))


def answer_in(lines: Sequence[str]) -> dict[str, Any]:
    """The last line of JSON in what a background Blender has said; others may begin as one, too."""
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def environment_of(config: WorkerConfig) -> dict[str, str]:
    """The settings in force, as a command of this add-on's reads them in a Blender without preferences."""
    values = {setting.name: getattr(config, setting.name) for setting in settings()}
    changed = {setting.name: values[setting.name] for setting in settings() if values[setting.name] != setting.default}
    return {**os.environ, **{f"{ENVIRONMENT_PREFIX}{name.upper()}": str(value) for name, value in changed.items()}}


def complaint_in(lines: Sequence[str]) -> str:
    said = [line.partition("bender_worker: ")[2] for line in lines if "bender_worker: " in line]
    last = [line for line in lines if line.strip()]
    return (said or last or ["it came to nothing"])[-1].strip()


jobs_view = JobsView()
