# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: what passes between two frames, and between a task's coming and its beginning, in a worker that is warm."""

import statistics
import time
from datetime import datetime

from tools.bench.cases.yard import PATIENCE, Bench, Figure, timings_of
from tools.servers.farm import make_task, publish_tasks


def waiting(bench: Bench) -> list[Figure]:
    blend = bench.scene("trivial", frames=100)
    bench.farm.server.add("waiting", blend)
    folder = bench.scratch / "waiting"
    places = {"folder": folder, "outpath": folder / "frames", "log": folder / "log"}
    worker = bench.farm.start_worker(bench.blender, bench.env, **places)
    _finished(bench, [make_task("waiting", [1])])
    latencies = [_latency(bench, frame) for frame in range(2, 32)]
    reports = _finished(bench, [make_task("waiting", [frame]) for frame in range(1, 101)])
    worker.end()
    gaps = [timings_of(report)["wait"] for report in reports[1:]]
    return [
        Figure("between two frames, median", 1000 * statistics.median(gaps), "ms", None, 5),
        Figure("from published to begun, median", 1000 * statistics.median(latencies), "ms", None, 20),
    ]


def _latency(bench: Bench, frame: int) -> float:
    time.sleep(0.2)  # it is to be idle
    task = make_task("waiting", [frame])
    published = time.time()
    [report] = _finished(bench, [task])
    return datetime.fromisoformat(report.task["time"]["start"]).timestamp() - published


def _finished(bench: Bench, tasks: list[dict]) -> list:  # type: ignore[type-arg]
    ids = {task["id"] for task in tasks}
    publish_tasks(bench.farm.node.url, tasks)
    return bench.farm.bookkeeper.wait_for(
        lambda report: report.step == "finish" and report.task["id"] in ids, count=len(ids), timeout=PATIENCE
    )
