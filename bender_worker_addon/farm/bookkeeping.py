# SPDX-License-Identifier: GPL-3.0-or-later
"""Bookkeeping: what workers report of their tasks is entered into the books, inside a transaction of the Database. To
enter the same report twice changes nothing."""

import logging
import sqlite3

from ..core.errors import TaskRefused
from ..core.task import Task
from . import books, workers

log = logging.getLogger(__name__)

_SETTLES = frozenset({"finish", "reject", "abort"})  # steps after which a task's message is no more
_LIVES = frozenset({"heart", "hello"})
_WORKER_ID_AT_MOST = 64


def enter(connection: sqlite3.Connection, routing_key: str, body: bytes) -> None:
    """Enters a report: `routing_key` as published on `worker-topic`, `<step>.<worker>` or `stat.<job>`. What can't be
    understood, or speaks of no task of this farm, is passed over: anybody with the right to publish can send it."""
    step, _, sender = routing_key.partition(".")
    if not sender or len(sender) > _WORKER_ID_AT_MOST:
        return
    if step in _LIVES:
        workers.has_been_heard(connection, sender, body if step == "hello" else b"")
        return
    try:
        task = Task.from_json(body)
    except TaskRefused as refusal:
        log.debug("a report that is no task, %s: %s", routing_key, refusal)
        return
    if not books.merge(connection, body):
        log.debug("a report of a task that is not in the books: %s of job %s", task.id, task.job_id)
        return
    if step != "stat":
        workers.has_been_heard(connection, sender)
        books.note_worker(connection, task.job_id, task.id, sender)
    if step in _SETTLES:
        books.remove_message(connection, task.job_id, task.id)
