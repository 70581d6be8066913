# SPDX-License-Identifier: GPL-3.0-or-later
"""Load on a farm's server: 1,000 workers that are stand-ins, and 100,000 tasks; what it takes, how soon it answers and
tells of changes meanwhile, and how fast a large blend comes from it. `python3 build.py load --farm` runs it.

The server and the stand-ins are processes of their own on a real RabbitMQ. On a machine that others use too look at
what the server takes of a core: that says how many reports one core would enter in a second.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.farm.serving import Farm
from tools.build import wheels
from tools.places import PROJECT
from tools.servers.rabbitmq import RabbitNode

wheels.importable()

import pika  # noqa: E402

PATIENCE = 600.0  # seconds for any one part

GOALS = {
    "reports entered a second": (2000, "more"),
    "reports entered a second of a core": (2000, "more"),
    "GET /api/jobs, 99 of 100, ms": (100, "less"),
    "GET /api/jobs/large, 99 of 100, ms": (100, "less"),
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


class Crowd:
    """Workers that are stand-ins: two processes, which send so many reports a second together."""

    def __init__(self, url: str, *, workers: int, rate: float) -> None:
        command, half = [sys.executable, "-m", "tests.load.crowd", url], (str(workers // 2), str(rate / 2))
        self._processes = [
            subprocess.Popen([*command, name, *half], stdin=subprocess.PIPE, cwd=PROJECT) for name in "ab"
        ]

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.communicate()
        assert all(process.returncode == 0 for process in self._processes)


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


def reports(farm: Farm, node: RabbitNode, url: str, *, workers: int, tasks: int, rate: int, seconds: float) -> None:
    """While so many reports a second are entered, how soon it answers and tells of changes."""
    began = time.monotonic()
    farm.send("large", f"1-{tasks}")
    Row(f"a job of {tasks} tasks is sent in, s", time.monotonic() - began)
    server = Server(farm)
    with Crowd(url, workers=workers, rate=rate):
        _until(lambda: _entered(farm) > 2 * rate)
        cpu, began, before = server.cpu, time.monotonic(), _entered(farm)
        answers: dict[str, list[float]] = {"/api/jobs": [], "/api/jobs/large": []}
        while time.monotonic() < began + seconds:
            for path, times in answers.items():
                times.append(_time(farm, path))
        told = _told_after(farm, 100)
        depth = _depth(node, url)
        done, took, used = _entered(farm) - before, time.monotonic() - began, server.cpu - cpu
    Row("reports entered a second", done / took)
    Row("reports entered a second of a core", done / used)
    for path, times in answers.items():
        Row(f"GET {path}, how often", len(times))
        Row(f"GET {path}, as a rule, ms", 1000 * statistics.median(times))
        Row(f"GET {path}, 99 of 100, ms", 1000 * statistics.quantiles(times, n=100)[98])
        Row(f"GET {path}, the slowest, ms", 1000 * max(times))
    Row("a change is told after, the slowest of 100, s", max(told))
    Row("tasks in the queue `work` meanwhile", depth)
    Row("memory, MB", server.most_memory)
    Row("the job is canceled after, s", _time(farm, "/api/jobs/large/cancel", "POST"))


def _entered(farm: Farm) -> int:
    """Reports, of tasks whose last one is."""
    return 3 * int(farm.status("large")["frames"].get("Finished", 0))


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


def _told_after(farm: Farm, times: int) -> list[float]:
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


def _time(farm: Farm, path: str, method: str = "GET") -> float:
    began = time.monotonic()
    farm.ask(method, path)
    return time.monotonic() - began


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


def run(folder: Path, *, workers: int, tasks: int, rate: int, seconds: float, downloaders: int, size: int) -> None:
    with RabbitNode() as node:
        node.add_vhosts("load")
        farm = Farm(folder, node.url_of("load"), BENDER_WORKER_DISKLIMIT="0")
        try:
            farm.send("small", "1")
            farm.ask("POST", "/api/jobs/small/pause", {})
            reports(farm, node, node.url_of("load"), workers=workers, tasks=tasks, rate=rate, seconds=seconds)
            downloads(farm, workers=downloaders, size=size)
        finally:
            farm.close()


__all__: Sequence[str] = ["run"]
