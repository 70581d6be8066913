# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers: a large blend over HTTP from this machine, against curl."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.bench.cases.yard import Bench, Figure
from tools.build import wheels
from tools.errors import ToolError
from tools.places import PROJECT

_FETCH = """
import json, resource, sys, time
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
flaskbender = Flaskbender(sys.argv[2])
flaskbender.fetch_blend("small", Path(sys.argv[3], "small.blend"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.monotonic()
event = flaskbender.fetch_blend("gigabyte", Path(sys.argv[3], "large.blend"))
seconds = time.monotonic() - started
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([getattr(event, "size", repr(event)), seconds, kilobytes]))
"""


def download(bench: Bench) -> list[Figure]:
    blend = bench.scene("large", vertices=80_000_000)
    bench.farm.server.add("gigabyte", blend)
    bench.farm.server.add("small", bench.scene("trivial"))
    memory = list[float]()

    def ours() -> float:
        seconds, kilobytes = _fetched(bench)
        memory.append(kilobytes / 1000)
        return seconds

    fetching, curl = bench.medians(ours, lambda: _curl(bench))
    size = blend.stat().st_size / 1e6
    return [
        Figure("curl", size / curl, "MB/s"),
        Figure("this worker", size / fetching, "MB/s", curl / fetching, 0.9),
        Figure("memory it takes for that", max(memory), "MB", None, 20),
    ]


def _fetched(bench: Bench) -> tuple[float, float]:
    folder = bench.scratch / "fetched"
    paths = json.dumps([str(PROJECT), *map(str, wheels.verified())])
    command = [sys.executable, "-c", _FETCH, paths, bench.farm.server.url, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise ToolError(f"the download failed: {done.stderr}")
    size, seconds, kilobytes = json.loads(done.stdout)
    if not isinstance(size, int):
        raise ToolError(f"the download failed: {size}")
    (folder / "large.blend").unlink()
    return seconds, kilobytes


def _curl(bench: Bench) -> float:
    curl = shutil.which("curl")
    if curl is None:
        raise ToolError("curl is not there")
    target = Path(bench.scratch / "curled")
    started = time.monotonic()
    url = f"{bench.farm.server.url}/job/worker/blend/gigabyte"
    subprocess.run([curl, "--silent", "--fail", "--output", target, url], check=True, timeout=600)
    seconds = time.monotonic() - started
    target.unlink()
    return seconds
