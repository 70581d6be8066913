# SPDX-License-Identifier: GPL-3.0-or-later
"""Bookkeeping: what workers report of their tasks is entered into the books, inside a transaction of the Database. To
enter the same report twice changes nothing."""

import json
import logging
import re
import sqlite3

from ..core.errors import TaskRefused
from ..core.task import Task
from . import control, feeding, frame_list, queueing, stopping, tasks, workers

log = logging.getLogger(__name__)

_REJECT = "reject"  # the step of a task that nobody is to try again
_SETTLES = frozenset({"finish", _REJECT, "abort"})  # steps after which a task's message is no more
_EVENTS = frozenset({"finish", "error", "abort", "requeue"})  # steps that tell how a worker gets on
_LIVES = frozenset({"heart", "hello"})
_SENDER = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def enter(
    connection: sqlite3.Connection, routing_key: str, body: bytes, *, settles: bool = True, only_if_fed: bool = False
) -> None:
    """Enters a report: `routing_key` as published on `worker-topic`, `<step>.<worker>` or `stat.<job>`. What can't be
    understood, or speaks of no task of this farm, is passed over: anybody with the right to publish can send it.
    `settles`: with the last report of a task its message is no more; else its ack says so. `only_if_fed`: so is what
    is said of a task that nobody was given."""
    step, _, sender = routing_key.partition(".")
    if not _SENDER.fullmatch(sender):
        return
    body = _in_text(body)
    if step in _LIVES:
        workers.has_been_heard(connection, sender, body if step == "hello" else b"")
        return
    if step == "log":
        control.enter_log(connection, body)
        return
    try:
        task = Task.from_json(body)
    except TaskRefused as refusal:
        log.debug("a report that is no task, %s: %s", routing_key, refusal)
        return
    if only_if_fed and not feeding.was_given(connection, task.job_id, task.id):
        log.debug("a report of a task that nobody was given: %s of job %s", task.id, task.job_id)
        return
    if not tasks.merge(connection, body, worker="" if step == "stat" else sender):
        log.debug("a report of a task that is not in the books: %s of job %s", task.id, task.job_id)
        return
    if step != "stat":
        workers.has_been_heard(connection, sender)
    if step in _EVENTS:
        workers.note(connection, sender, step, task.job_id, frame_list.as_text(task.frames), task.error)
    if settles and step in _SETTLES:
        queueing.remove(connection, task.job_id, task.id)
    elif only_if_fed and step != "stat":
        feeding.adopt(connection, task.job_id, task.id)
    if step == _REJECT:
        stopping.has_failed(connection, task.job_id)


def _in_text(body: bytes) -> bytes:
    """JSON can tell half of a pair that stands for one letter, which neither SQLite nor UTF-8 can."""
    if not _SURROGATE.search(body):
        return body
    try:
        return json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return body
