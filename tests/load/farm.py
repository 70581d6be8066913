# SPDX-License-Identifier: GPL-3.0-or-later
"""Load on a farm's server: 1,000 workers that are stand-ins, and 100,000 tasks; what it takes, how soon it answers and
tells of changes meanwhile, and how fast a large blend comes from it. `python3 build.py load --farm` runs it.

The server is a process of its own on a real RabbitMQ. On a machine that others use too look at what it takes of a core:
that says how many reports one core would enter in a second.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.farm.serving import Farm
from tools.build import wheels
from tools.servers.rabbitmq import RabbitNode

wheels.importable()

import pika  # noqa: E402

PATIENCE = 600.0  # seconds for any one part
HASH = "a" * 128

GOALS = {
    "reports entered a second of a core": (2000, "more"),
    "GET /api/jobs, the slowest of 100, ms": (100, "less"),
    "a job of all these tasks, the slowest of 100, ms": (100, "less"),
    "memory, MB": (150, "less"),
    "a change is told after, the slowest of 100, s": (0.5, "less"),
    "downloads, of what curl copies": (0.7, "more"),
}


class Row:
    """What was measured of a goal."""

    def __init__(self, what: str, figure: float) -> None:
        wanted, sense = GOALS.get(what, (None, ""))
        good = wanted is None or (figure >= wanted if sense == "more" else figure <= wanted)
        note = "" if wanted is None else f"   (goal: {wanted:g} or {sense}{'' if good else ', MISSED'})"
        print(f"{what:<52} {figure:>10,.2f}{note}", flush=True)


class Workers:
    """Do with all tasks in RabbitMQ what so many workers do, and report each step."""

    def __init__(self, url: str, count: int) -> None:
        self._url, self._count = url, count
        self._closing = threading.Event()
        self.finished = self.reports = 0
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Workers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
            channel = connection.channel()
            for worker in range(self._count):
                channel.basic_publish("worker-topic", f"heart.w{worker}", b"")
            channel.basic_qos(prefetch_count=500)
            for method, _, body in channel.consume("work", inactivity_timeout=0.1):
                if self._closing.is_set():
                    return
                if method is not None:
                    self._carry_out(channel, json.loads(body))
                    channel.basic_ack(method.delivery_tag)

    def _carry_out(self, channel: Any, task: dict[str, Any]) -> None:
        worker = f"w{self.finished % self._count}"
        moments = (("receive", "Queued", "queued"), ("start", "Running", "start"), ("finish", "Finished", "finish"))
        for step, status, moment in moments:
            task["status"], task["time"][moment] = status, "2026-01-01T00:00:00.000001Z"
            if step == "finish":
                for frame in task["command"]["Blender"]["frame"].values():
                    frame.update(filesize=123_456, hash=HASH, uploaded=True)
            channel.basic_publish("worker-topic", f"{step}.{worker}", json.dumps(task).encode())
            self.reports += 1
        self.finished += 1


class Server:
    """What its process takes."""

    def __init__(self, farm: Farm) -> None:
        listening = subprocess.run(["pgrep", "-f", str(farm.folder / "farm")], capture_output=True, text=True).stdout
        self._process = max(map(int, listening.split()), key=lambda process: _status(process, "VmRSS"))

    @property
    def cpu(self) -> float:
        """Seconds so far."""
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def most_memory(self) -> float:
        """MB."""
        return _status(self._process, "VmHWM") / 1024


def reports(farm: Farm, node: RabbitNode, url: str, *, workers: int, tasks: int, report_tasks: int) -> None:
    began = time.monotonic()
    farm.send("large", f"1-{tasks}")
    Row(f"a job of {tasks} tasks is sent in, s", time.monotonic() - began)
    server = Server(farm)
    with Workers(url, workers) as crowd, ThreadPoolExecutor(1) as beside:
        _until(lambda: crowd.finished > 0)
        cpu, began, reports = server.cpu, time.monotonic(), crowd.reports
        told = beside.submit(_listen, farm, 100)
        answers = {path: _times(farm, path, 100) for path in ("/api/jobs", "/api/jobs/large")}
        depth = _depth(node, url)
        seconds = told.result()
        _until(lambda: farm.status("large")["frames"].get("Finished", 0) >= report_tasks)
        done = farm.status("large")["frames"]["Finished"] * 3 - reports
        took = time.monotonic() - began
        Row("reports entered a second", done / took)
        Row("reports entered a second of a core", done / (server.cpu - cpu))
        Row("GET /api/jobs, the slowest of 100, ms", 1000 * max(answers["/api/jobs"]))
        Row("GET /api/jobs, as a rule, ms", 1000 * statistics.median(answers["/api/jobs"]))
        Row("a job of all these tasks, the slowest of 100, ms", 1000 * max(answers["/api/jobs/large"]))
        Row("a job of all these tasks, as a rule, ms", 1000 * statistics.median(answers["/api/jobs/large"]))
        Row("a change is told after, the slowest of 100, s", max(seconds))
        Row("tasks in the queue `work` meanwhile", depth)
    Row("memory, MB", server.most_memory)


def downloads(farm: Farm, *, workers: int, size: int) -> None:
    """All fetch the same blend at once; then as many copies go over loopback, by curl from a server that does nothing
    else."""
    farm.send("heavy", "1")
    blend = farm.folder / "farm" / "jobs" / "heavy" / "scene.blend"
    with blend.open("r+b") as file:
        file.truncate(size)
    url = f"{farm.base}/job/worker/blend/heavy"
    ours = _fetched(workers, size, url, farm.key)
    with _plain_server(blend) as plain:
        theirs = _fetched(workers, size, plain, "")
    Row(f"{workers} workers fetch a blend of {size >> 20} MB, MB/s in sum", ours / 1e6)
    Row("as many plain copies by curl, MB/s in sum", theirs / 1e6)
    Row("downloads, of what curl copies", ours / theirs)


def _fetched(workers: int, size: int, url: str, key: str) -> float:
    """Bytes a second."""
    curl = shutil.which("curl")
    assert curl, "this wants curl"
    header = [*("-H", f"Authorization: Bearer {key}")] if key else []
    began = time.monotonic()
    running = [subprocess.Popen([curl, "-sSf", *header, "-o", os.devnull, url]) for _ in range(workers)]
    assert [process.wait(PATIENCE) for process in running] == [0] * workers
    return workers * size / (time.monotonic() - began)


@contextmanager
def _plain_server(file: Path) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with closing(connection), file.open("rb") as opened:
            connection.recv(65536)
            size = file.stat().st_size
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
            connection.sendfile(opened)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def _listen(farm: Farm, times: int) -> list[float]:
    """How long after each change it is told."""
    request = urllib.request.Request(f"{farm.base}/api/events", headers={"Authorization": f"Bearer {farm.key}"})
    took = []
    with urllib.request.urlopen(request, timeout=PATIENCE) as events:
        for number in range(times):
            farm.ask("PUT", "/api/jobs/small/priority", {"priority": 1 + number})
            changed = time.monotonic()
            while f'"priority": {1 + number},' not in events.readline().decode():
                assert time.monotonic() < changed + PATIENCE
            took.append(time.monotonic() - changed)
    return took


def _times(farm: Farm, path: str, count: int) -> list[float]:
    took = []
    for _ in range(count):
        began = time.monotonic()
        farm.ask("GET", path)
        took.append(time.monotonic() - began)
    return took


def _depth(node: RabbitNode, url: str) -> int:
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        return int(connection.channel().queue_declare("work", passive=True).method.message_count)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _status(process: int, name: str) -> int:
    text = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:")))


def run(folder: Path, *, workers: int, tasks: int, report_tasks: int, downloaders: int, size: int) -> None:
    with RabbitNode() as node:
        node.add_vhosts("load")
        farm = Farm(folder, node.url_of("load"), BENDER_WORKER_DISKLIMIT="0")
        try:
            farm.send("small", "1")
            farm.ask("POST", "/api/jobs/small/pause", {})
            reports(farm, node, node.url_of("load"), workers=workers, tasks=tasks, report_tasks=report_tasks)
            downloads(farm, workers=downloaders, size=size)
        finally:
            farm.close()


__all__: Sequence[str] = ["run"]
