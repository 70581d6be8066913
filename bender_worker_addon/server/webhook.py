# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhook: one sentence to a chat, or whatever takes such, when a job is done or it or a worker needs somebody. Its
address is a secret, for who has it can write there: it stands in no log."""

import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from ..core.errors import FarmError, Remedy
from ..core.retry import NOTICES, Retry
from ..farm import notices
from ..farm.notices import Notice
from .farm import Farm
from .outbox import Outbox

log = logging.getLogger(__name__)

FILE = "webhook"  # in the farm's folder: the address
_LOOK = 2.0  # seconds between two looks
_PATIENCE = 10.0  # seconds the other side may take to answer
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class Webhook:
    """On a thread of its own, from its making to `close`: nobody waits for it. Without an address it does nothing.
    `base`: the address of the farm's page. What is to be told waits in the books: it is told twice where the server is
    killed in the midst of it, and never not at all."""

    def __init__(self, farm: Farm, *, farm_dir: Path, base: str, retry: Retry = NOTICES, look: float = _LOOK) -> None:
        self._farm = farm
        self._file = farm_dir / FILE
        self._retry = retry
        self._look = look
        self._outbox = Outbox(farm, base=base)
        self._again_at = 0.0  # when what waits may be sent
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bender-webhook", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._closing.wait(self._look):
            try:
                if address := self._address():
                    self._outbox.look()
                    self._send(address)
                else:
                    self._outbox.forget()
            except (FarmError, OSError) as error:  # as while the disk is full: the next look may see it again
                log.debug("it can't be seen whether somebody is to be told something: %s", error)

    def _address(self) -> str:
        """Read anew each time, so that it counts at once."""
        try:
            text = self._file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        return text if urlsplit(text).scheme in ("http", "https") else ""

    def _send(self, address: str) -> None:
        """What is due, the oldest first."""
        while time.monotonic() >= self._again_at and not self._closing.is_set():
            with self._farm.database.looking() as connection:
                notice = notices.waiting(connection)
            if notice is None:
                return
            self._try(address, notice)

    def _try(self, address: str, notice: Notice) -> None:
        remedy, why = _posted(address, notice.text)
        failures = notice.failures + 1
        wait = self._retry.again_in(remedy, failures) if why else None
        if why and (failures == 1 or wait is None):
            again = "it is not tried again" if wait is None else "it is tried again"
            log.warning("the webhook took no notice: %s; %s", why, again)
        with self._farm.database.changing() as connection:
            if wait is None:
                notices.settle(connection, notice.number)
            else:
                notices.failed(connection, notice.number)
        self._again_at = time.monotonic() + (wait or 0.0)


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
