# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhook: one sentence to a chat, or whatever takes such, when a job is done or needs somebody. Its address is a
secret, for who has it can write there: it stands in no log."""

import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import FarmError, Remedy
from ..core.retry import NOTICES, Retry
from ..farm.books import Job
from .farm import Farm

log = logging.getLogger(__name__)

FILE = "webhook"  # in the farm's folder: the address
_LOOK = 2.0  # seconds between two looks
_PATIENCE = 10.0  # seconds the other side may take to answer
_WAITING = 100  # sentences; the oldest go first
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(slots=True)
class _Notice:
    text: str
    failures: int = 0
    at: float = field(default_factory=time.monotonic)  # when it may be sent


class Webhook:
    """On a thread of its own, from its making to `close`: nobody waits for it. Without an address it does nothing.
    `base`: the address of the farm's page."""

    def __init__(self, farm: Farm, *, farm_dir: Path, base: str, retry: Retry = NOTICES, look: float = _LOOK) -> None:
        self._farm = farm
        self._file = farm_dir / FILE
        self._base = base
        self._retry = retry
        self._look = look
        self._waiting: deque[_Notice] = deque(maxlen=_WAITING)
        self._version: tuple[int, int] | None = None
        self._told: dict[str, str] | None = None  # by job what was said of it last; none before the first look
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bender-webhook", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._closing.wait(self._look):
            try:
                address = self._address()
                if not address:
                    self._told = self._version = None
                    continue
                self._waiting += [_Notice(text) for text in self._news()]
            except (FarmError, OSError) as error:  # as while the disk is full: the next look may see it again
                log.debug("it can't be seen whether somebody is to be told something: %s", error)
                continue
            self._send(address)

    def _address(self) -> str:
        """Read anew each time, so that it counts at once."""
        try:
            text = self._file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        return text if urlsplit(text).scheme in ("http", "https") else ""

    def _news(self) -> Iterator[str]:
        """A sentence for each job of which there is another one to be said than before."""
        version, jobs = self._farm.jobs_since(self._version)
        if version == self._version:
            return
        before, states = self._told, {job.id: _state(job) for job in jobs}
        self._version, self._told = version, states
        for job in jobs if before is not None else ():
            if (state := states[job.id]) and before is not None and state != before.get(job.id, ""):
                yield self._sentence(job, state)

    def _sentence(self, job: Job, state: str) -> str:
        name = f"\u201c{job.name}\u201d"
        if state == "done":
            words = f"{name} is done: {_frames(job.total)}."
        elif state == "stopped":
            words = f"{name} was stopped: {job.stopped}"
        else:
            words = f"{_frames(job.failed)} of {name} failed: {self._farm.outlook(job).why or 'nobody said why'}"
        return f"{_escaped(words)} {self._base}/#/job/{job.id}"

    def _send(self, address: str) -> None:
        """What is due, the oldest first."""
        while self._waiting and time.monotonic() >= self._waiting[0].at and not self._closing.is_set():
            notice = self._waiting[0]
            remedy, why = _posted(address, notice.text)
            wait = None
            if why:
                notice.failures += 1
                wait = self._retry.again_in(remedy, notice.failures)
                if notice.failures == 1 or wait is None:
                    again = "it is not tried again" if wait is None else "it is tried again"
                    log.warning("the webhook took no notice: %s; %s", why, again)
            if wait is None:
                self._waiting.popleft()
            else:
                notice.at = time.monotonic() + wait


def _state(job: Job) -> str:
    """What somebody is to be told of it; nothing of one that goes its way."""
    if job.status == "Finished":
        return "done"
    if job.stopped and job.paused:
        return "stopped"
    return "failed" if job.failed and job.status != "Canceled" else ""


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _escaped(words: str) -> str:
    """As Slack wants it (Slack's documentation, *Formatting text for app surfaces*): a name could call everybody."""
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        words = words.replace(letter, written)
    return " ".join(words.split())


def _posted(address: str, text: str) -> tuple[Remedy, str]:
    """What would help, and why it could not be sent, without the address; "" if it was."""
    body = json.dumps({"text": text}).encode()
    try:
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"}, method="POST")
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        error.close()
        later = error.code in _LATER or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        return Remedy.RETRY if later else Remedy.NONE, f"it answered {error.code}"
    except urllib.error.URLError as error:
        return Remedy.RETRY, f"it can't be reached ({type(error.reason).__name__})"
    except (http.client.HTTPException, OSError, ValueError) as error:  # their words may hold the address
        return Remedy.RETRY, f"it can't be reached ({type(error).__name__})"
    return Remedy.NONE, ""
