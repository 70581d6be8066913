# SPDX-License-Identifier: GPL-3.0-or-later
"""Reporter: what is reported of each task. Every report is kept in the journal until the broker has confirmed it."""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ...core.in_flight import InFlight
from ...core.task import Task, unreadable_report
from ...queues.base import TaskQueue
from ..state.journal import Journal

log = logging.getLogger(__name__)


class Reporter:
    """Sends reports in the order they were made, across lost connections and restarts."""

    def __init__(self, *, journal: Journal, queue: TaskQueue, worker_id: str) -> None:
        self._journal = journal
        self._queue = queue
        self._worker_id = worker_id
        self._session: int | None = None
        self._then: dict[int, Callable[[], None]] = {}

    @property
    def has_waiting(self) -> bool:
        """Whether something still is to be done `then`, and can be: without a connection no confirmation comes."""
        return bool(self._then) and self._session is not None

    def report(self, step: str, task: Task, *, then: Callable[[], None] | None = None) -> None:
        """Reports that `task` has come to `step`; does `then` when the broker has confirmed that it has the report."""
        self._send(f"{step}.{task.job_id if step == 'stat' else self._worker_id}", task.to_json(), then)

    def step(self, held: InFlight, step: str, words: str, *, then: Callable[[], None] | None = None) -> None:
        """The same of a task in hand, and logs it in `words`."""
        log.info("%s: %s", held, words)
        self.report(step, held.task, then=then)

    def report_unreadable(self, body: bytes, reason: str, *, then: Callable[[], None]) -> None:
        """Reports that a message is rejected because it is no task."""
        self._send(f"reject.{self._worker_id}", unreadable_report(body, reason), then)

    def beat(self) -> None:
        """Says that this worker is alive. One that can't be sent now is not worth keeping."""
        if self._session is not None:
            self._queue.publish(self._session, None, f"heart.{self._worker_id}", b"")

    def tell(self, what: str, content: Mapping[str, Any]) -> None:
        """Says to the farm's server, if there is one, what concerns no task, or is no step of it."""
        if self._session is not None:
            self._queue.tell(self._session, f"{what}.{self._worker_id}", json.dumps(content).encode())

    def connected(self, session: int) -> None:
        """Sends whatever an earlier session did not get confirmed, oldest first."""
        self._session = session
        for report in self._journal.unconfirmed_reports():
            self._queue.publish(session, report.id, report.routing_key, report.body)

    def disconnected(self) -> None:
        self._session = None

    def confirmed(self, report_ids: Collection[int]) -> None:
        self._journal.remove_reports(report_ids)
        for report_id in report_ids:
            self._then.pop(report_id, _nothing)()

    def _send(self, routing_key: str, body: bytes, then: Callable[[], None] | None) -> None:
        report = self._journal.add_report(routing_key, body)
        if then is not None:
            self._then[report.id] = then
        if self._session is not None:
            self._queue.publish(self._session, report.id, routing_key, body)


def _nothing() -> None:
    """For the reports nobody waits for."""
