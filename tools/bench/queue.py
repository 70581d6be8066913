# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of the local queue: 100 000 tasks, sent, taken, listed. Measures and tells; asserts nothing."""

import argparse
import json
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bender_worker_addon.core.deliveries import Confirmed, Connected, Delivered
from bender_worker_addon.farm.new_job import NewJob, SceneFacts
from bender_worker_addon.queues.local.queue import LocalQueue
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites.site import Site, site
from tools.process import say

_TASKS, _QUICK = 100_000, 10_000
_TAKEN = 1000  # tasks taken one after the other
_RENDER = 0.01  # seconds between a task's being taken and its being finished
_TIMES = 20  # runs of what takes little


def run(arguments: argparse.Namespace) -> int:
    tasks = _QUICK if arguments.quick else _TASKS
    with tempfile.TemporaryDirectory(prefix="bender-worker-bench-") as folder:
        config = resolve(data_dir=Path(folder), environment={}, options={}).config
        with site(config) as farm:
            figures = _sending(farm, tasks) | _looking(farm)
            figures |= _taking(config.farm_dir, config.blendpath)
            figures |= _changing(farm)
    words = f"{tasks} tasks of a frame, SQLite {sqlite3.sqlite_version}, {platform.platform()}"
    print(words, *(f"{name:50}{figure:12.4f}" for name, figure in figures.items()), sep="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": words, "figures": figures}, indent=2) + "\n", encoding="utf-8")
    return 0


def _sending(farm: Site, tasks: int) -> dict[str, float]:
    say(f"Sending {tasks} tasks …")
    scene = SceneFacts(version="4.3.2", engine="CYCLES", width=1920, height=1080, scale=100, fps=24, step=1)
    job = NewJob(name="long", blend="scene.blend", frames=range(tasks), image_format="PNG", scene=scene, id="long")

    def send() -> None:
        with farm.room_for(job.id):
            farm.send(job)

    return {"submit, without packing the blend, s": _seconds(send)}


def _looking(farm: Site) -> dict[str, float]:
    (job,) = farm.jobs()
    return {
        "list, ms, the slowest of 20": 1000 * max(_seconds(farm.jobs) for _ in range(_TIMES)),
        "show, ms, the slowest of 20": 1000 * max(_seconds(lambda: farm.details(job)) for _ in range(_TIMES)),
    }


def _taking(folder: Path, jobs: Path) -> dict[str, float]:
    """As a worker does it: a task is reported as finished, and acked when that is in the books, and the next one comes.
    Meanwhile the job's data.json is written, again and again."""
    say(f"Taking {_TAKEN} of them …")
    inbox: SimpleQueue[Any] = SimpleQueue()
    queue = LocalQueue(folder, jobs=jobs, inbox=inbox)
    queue.consume(1)
    queue.start()
    entering, taking = [], []
    try:
        connected, event = inbox.get(), inbox.get()
        assert isinstance(connected, Connected)
        for number in range(_TAKEN):
            assert isinstance(event, Delivered)
            body = json.dumps({**json.loads(event.delivery.body), "status": "Finished"}).encode()
            began = time.perf_counter()
            queue.publish(connected.session, number, "finish.bench", body)
            assert isinstance(inbox.get(), Confirmed)
            entered = time.perf_counter()
            queue.ack(event.delivery)
            event = inbox.get()
            entering.append(entered - began)
            taking.append(time.perf_counter() - entered)
            time.sleep(_RENDER)
    finally:
        queue.close(timeout=60)
    return {
        "the next task, ms, median": 1000 * statistics.median(taking),
        f"the next task, ms, the slowest of {_TAKEN}": 1000 * max(taking),
        "a report into the books, ms, median": 1000 * statistics.median(entering),
        f"a report into the books, ms, the slowest of {_TAKEN}": 1000 * max(entering),
    }


def _changing(farm: Site) -> dict[str, float]:
    say("Canceling and queueing them again …")
    return {
        "cancel, with its data.json, s": _seconds(lambda: farm.cancel("long")),
        "retry, with its data.json, s": _seconds(lambda: farm.retry("long")),
    }


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
