# SPDX-License-Identifier: GPL-3.0-or-later
"""Outbox: what people who don't look at the page are to be told, in sentences that wait in the books: a job is done, it
or a worker needs somebody."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from ..farm import notices, workers
from ..farm.books import Job
from ..farm.workers import HERE, SILENT, Worker
from .farm import Farm

log = logging.getLogger(__name__)

_AWAY = 30.0  # seconds without a look after which this machine has slept, and heard nobody


class Outbox:
    """For one thread. `base`: the address of the farm's page. What was told before stands in the books, too: so what
    happens while no server runs is told by the next one."""

    def __init__(self, farm: Farm, *, base: str) -> None:
        self._farm = farm
        self._base = base
        self._jobs: Sequence[Job] = ()
        self._version: tuple[int, int] | None = None
        self._told: Mapping[str, str] | None = None  # as the books have it; None before the first look
        self._is_forgotten = False
        self._awake_since = self._looked_at = time.time()

    def look(self) -> None:
        """Enters a sentence for each job and each worker of which there is another one to be said than before; at the
        first look, none."""
        self._is_forgotten = False
        version, jobs = self._farm.jobs_since(self._version)
        self._jobs = jobs if version != self._version else self._jobs
        with self._farm.database.looking() as connection:
            before = self._told if self._told is not None else notices.told(connection)
            machines = workers.workers(connection)
        states = {what: state for what, state in self._states(machines, before or {}) if state}
        if states != before:
            texts = [] if before is None else list(self._sentences(states, before, machines))
            with self._farm.database.changing() as connection:
                gone = notices.enter(connection, states, texts)
            if gone:
                log.warning("the webhook takes no notices: the oldest that waited are given up, %d of them", gone)
        self._version, self._told = version, states

    def _states(self, machines: Sequence[Worker], before: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """What somebody is to be told of each; "" of what goes its way. A worker may be silent because nobody has
        listened for long: then it is what it was."""
        now = time.time()
        if not 0 <= now - self._looked_at < _AWAY:
            self._awake_since = now
        self._looked_at = now
        for job in self._jobs:
            yield _of_job(job), _state(job)
        for worker in machines:
            is_sure = worker.presence != SILENT or now - self._awake_since > workers.patience(worker.hello)
            yield _of_worker(worker), _trouble(worker) if is_sure else before.get(_of_worker(worker), "")

    def _sentences(
        self, states: Mapping[str, str], before: Mapping[str, str], machines: Sequence[Worker]
    ) -> Iterator[str]:
        fresh = {what: state for what, state in states.items() if before.get(what) != state}
        for job in self._jobs:
            if state := fresh.get(_of_job(job)):
                yield f"{_escaped(self._words_of_job(job, state))} {self._base}/#/job/{job.id}"
        for worker in machines:
            if state := fresh.get(_of_worker(worker)):
                words = self._words_of_worker(worker, state)
                yield f"{_escaped(words)} {self._base}/#/worker/{quote(worker.id, safe='')}"

    def _words_of_job(self, job: Job, state: str) -> str:
        name = f"\u201c{job.name}\u201d"
        if state == "done":
            return f"{name} is done: {_frames(job.total)}."
        if state == "stopped":
            return f"{name} was stopped: {job.stopped}"
        return f"{_frames(job.failed)} of {name} failed: {self._farm.outlook(job).why or 'nobody said why'}"

    def _words_of_worker(self, worker: Worker, state: str) -> str:
        if state == "problem":
            return f"{worker.name} can't go on: {worker.said('detail') or 'it did not say why'}"
        job = next((job.name for job in self._jobs if job.id == worker.said("job")), "a job that is gone")
        minutes = max(1, round((time.time() - worker.seen) / 60))
        words = f"{worker.name} was last heard {minutes} min ago, while it rendered \u201c{job}\u201d."
        return f"{words} Another machine takes over what it had; is it on, and on the network?"

    def forget(self) -> None:
        """Nobody is to be told anything."""
        self._told = self._version = None
        if not self._is_forgotten:
            with self._farm.database.changing() as connection:
                notices.forget(connection)
        self._is_forgotten = True


def _of_job(job: Job) -> str:
    return f"job {job.id}"


def _of_worker(worker: Worker) -> str:
    return f"worker {worker.id}"


def _state(job: Job) -> str:
    """What somebody is to be told of it; nothing of one that goes its way."""
    if job.status == "Finished":
        return "done"
    if job.stopped and job.paused:
        return "stopped"
    return "failed" if job.failed and job.status != "Canceled" else ""


def _trouble(worker: Worker) -> str:
    """The same of a worker."""
    if worker.presence == SILENT and worker.is_busy:
        return "silent"
    return "problem" if worker.presence == HERE and worker.said("state") == "Problem" else ""


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _escaped(words: str) -> str:
    """As Slack wants it (Slack's documentation, *Formatting text for app surfaces*): a name could call everybody."""
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        words = words.replace(letter, written)
    return " ".join(words.split())
