# SPDX-License-Identifier: GPL-3.0-or-later
"""A blend that is sent or fetched in a process of its own, so that all that takes is its own. Runs on Linux.

python -m tools.bench.transfer send-pieces URL FILE JOB
"""

import json
import os
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

from bender_worker_addon.core.transfers import BlendReady
from bender_worker_addon.settings.tls import SYSTEM_TLS
from bender_worker_addon.sites.client import Client
from bender_worker_addon.sites.pieces import sent_in_pieces
from bender_worker_addon.sites.site import nobody
from bender_worker_addon.system import hashing
from bender_worker_addon.worker.blends.download import Download
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from bender_worker_addon.worker.blends.http_client import HttpClient
from tools.errors import ToolError
from tools.places import PROJECT

_PATIENCE = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds, those of processors among them, and bytes of memory at most."""

    seconds: float
    processor: float
    memory: int


def measured(way: str, url: str, file: Path, job: str) -> Took:
    """What it took. `way` is one of WAYS; the file is the one that is sent, or to be made. Raises ToolError."""
    words = [sys.executable, "-m", "tools.bench.transfer", way, url, str(file), job]
    done = run(words, cwd=PROJECT, capture_output=True, text=True, timeout=_PATIENCE)
    if done.returncode:
        raise ToolError(f"{way} failed:\n{done.stderr}")
    return Took(**json.loads(done.stdout))


def memory_of(process: int | str) -> int:
    """Bytes that a process had at most since `forget_memory_of` it."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def processor_of(process: int) -> float:
    """Seconds that it has had of processors."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_memory_of(process: int) -> None:
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="utf-8")


def _send_in_pieces(url: str, file: Path, job: str) -> None:
    with closing(Client(url, SYSTEM_TLS)) as client:
        if not sent_in_pieces(client, _place(file, job), file, nobody):
            raise ToolError("the farm took no pieces")


def _send_whole(url: str, file: Path, job: str) -> None:
    with file.open("rb") as opened:
        headers = {"X-Blake2b": hashing.of(opened)}
    with closing(Client(url, SYSTEM_TLS)) as client:
        client.put(_place(file, job), file, headers, nobody)


def _place(file: Path, job: str) -> str:
    return f"/api/jobs/{job}/files/{file.name}"


def _fetch_in_pieces(url: str, file: Path, job: str) -> None:
    event = Flaskbender(url).fetch_blend(job, file)
    if not isinstance(event, BlendReady):
        raise ToolError(str(event))


def _fetch_whole(url: str, file: Path, job: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    http = HttpClient(SYSTEM_TLS)
    Download(lambda headers: http.get(f"{url}/job/worker/blend/{job}", headers=headers), file).run()


WAYS = {
    "send-pieces": _send_in_pieces,
    "send-whole": _send_whole,
    "fetch-pieces": _fetch_in_pieces,
    "fetch-whole": _fetch_whole,
}


def main(way: str, url: str, file: str, job: str) -> int:
    began, used = time.perf_counter(), time.process_time()
    WAYS[way](url, Path(file), job)
    took = {"seconds": time.perf_counter() - began, "processor": time.process_time() - used}
    print(json.dumps({**took, "memory": memory_of("self")}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
