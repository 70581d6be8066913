# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's server, which kills itself, as a power cut would, before or after a step of its work: DIE in its
environment says which, `after publish`. What RabbitMQ has no more is taken for lost after LOST_AFTER seconds, a worker
that is not heard for gone after ALIVE seconds."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.build import wheels

wheels.importable()

from pika.adapters.blocking_connection import BlockingChannel  # noqa: E402
from pika.channel import Channel  # noqa: E402

from bender_worker_addon.farm import bookkeeping, changes, feeding, job_files, queueing, stored  # noqa: E402
from bender_worker_addon.farm.database import Database  # noqa: E402
from bender_worker_addon.server import book_keeper, standalone  # noqa: E402
from bender_worker_addon.server import farm as served  # noqa: E402
from bender_worker_addon.server.book_keeper import BookKeeper  # noqa: E402
from bender_worker_addon.server.web import reception  # noqa: E402
from bender_worker_addon.sites.local import LocalSite  # noqa: E402

STEPS: dict[str, tuple[Any, str, str]] = {
    "take_file": (reception, "make_durable", "called"),
    "send": (LocalSite, "send", "called"),
    "enter_job": (changes, "add_job", "called"),
    "mark_fed": (feeding, "feed", "gives"),
    "feed": (BookKeeper, "wanted", "gives"),
    "publish": (Channel, "basic_publish", "called"),
    "mark_confirmed": (feeding, "confirmed", "called"),
    "confirm": (BookKeeper, "published", "given"),
    "enter_report": (bookkeeping, "enter", "called"),
    "report": (BookKeeper, "reported", "called"),
    "ack_reports": (BlockingChannel, "basic_ack", "called"),
    "settle": (queueing, "remove", "called"),
    "store_frame": (served, "make_durable", "called"),
    "note_stored": (stored, "note", "called"),
    "write_file": (job_files, "write", "called"),
    "note_written": (job_files, "note_written", "called"),
    "checkpoint": (Database, "checkpoint", "called"),
}
"""Where it can be killed: the function of each step, and whether it counts when it is called, or only when it is given
or gives anything."""
OF_FILMS: dict[str, tuple[Any, str, str]] = {"cut": (changes, "cut", "called")}
"""The same of what is done only where the last frames of a film are cut."""


def main() -> int:
    os.environ.pop("LD_PRELOAD", None)  # it is here; what this program starts needs no other clock
    book_keeper._LOST = float(os.environ.get("LOST_AFTER", book_keeper._LOST))
    book_keeper._ALIVE = float(os.environ.get("ALIVE", book_keeper._ALIVE))
    if "DIE" in os.environ:
        _die(*os.environ["DIE"].split())
    return standalone.main(sys.argv[1:])


def _die(when: str, step: str) -> None:
    owner, name, counts = (STEPS | OF_FILMS)[step]
    real: Callable[..., Any] = getattr(owner, name)

    def deadly(*arguments: Any, **keywords: Any) -> Any:
        if counts == "given" and not arguments[-1]:
            return real(*arguments, **keywords)
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*arguments, **keywords)
        if answer or counts != "gives":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, deadly)


if __name__ == "__main__":
    sys.exit(main())
