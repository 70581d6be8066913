# SPDX-License-Identifier: GPL-3.0-or-later
"""Chaos on a farm of many machines: a server with RabbitMQ, two workers and an artist, hosts of their own that share
nothing but a network. Everything breaks at random while jobs are rendered; at the end no frame is lost, no job is
stuck, and books, disk, data.json and what the artist has fetched agree.

`python3 build.py chaos --farm` runs it. With the same seed the same things are broken in the same order.
"""

import hashlib
import json
import os
import random
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bender_worker_addon.core.tile import Region, cut
from tests import disks
from tests.chaos.hosts import Host, network
from tests.farm.programs.dying_server import STEPS
from tests.farm.serving import Machine
from tests.faults.yard import PROGRAM as WORKER
from tests.unit.support import PNG
from tests.unit.support import blend as stand_in_blend
from tools.blenders import blenders, scenes
from tools.build import package
from tools.debian import fetch_package
from tools.errors import ToolError
from tools.process import end

SERVER, ARTIST, ONE, TWO = "server", "artist", "one", "two"
WORKERS = (ONE, TWO)
PROGRAMS = Path(__file__).with_name("programs")
DYING = Path(__file__).parents[1] / "farm" / "programs" / "dying_server.py"

_PORT = 8000
_DISK = 64 << 20  # bytes of the server's
_END = 400.0  # seconds in which all must be done once nothing is broken any more
_ASK = 200.0  # seconds that the artist may take for anything
_LOST = 20.0  # seconds after which the server takes for lost what RabbitMQ has no more
_HOUR = 3600
_REGIONS = cut(Region(0, 0, 64, 36), 2)
_OF_TILES = b"".join(f" {(part.left, part.bottom, part.right, part.top)}".encode() for part in _REGIONS)


@dataclass(kw_only=True)
class Plan:
    """`frames` of each job, every other one in tiles; `pause`: seconds between two things that break, on average;
    `breaks`: how many at least. `worker`: a worker's command line, `env` its environment; `blend` gives the blend of a
    job; `is_whole` says whether a frame of this number is what it should be, one of a job in tiles or not."""

    seed: int
    jobs: int
    frames: int
    pause: float
    breaks: int
    worker: Sequence[str | Path]
    env: Mapping[str, str]
    blend: Callable[[random.Random], bytes]
    is_whole: Callable[[bytes, int, bool], bool]


@dataclass(kw_only=True)
class Outcome:
    survived: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        rows = [*sorted(self.survived.items()), ("frames whole", self.frames), ("seconds", round(self.seconds))]
        return "\n".join(f"{name:<52}{count:>6}" for name, count in rows)


class Broker:
    """RabbitMQ on the server's host."""

    def __init__(self, host: Host) -> None:
        folder = host.folder / "rabbitmq"
        folder.mkdir()
        command = host.command([sys.executable, PROGRAMS / "broker.py", host.address])
        env = {**os.environ, "TMPDIR": str(folder)}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)
        self.url = self._line()

    def tell(self, word: str) -> None:
        """Returns when it has come back."""
        stdin: IO[str] | None = self._process.stdin
        assert stdin is not None
        stdin.write(f"{word}\n")
        stdin.flush()
        assert self._line() == word

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "RabbitMQ did not start"
        return line.strip()


class FarmChaos:
    def __init__(self, hosts: Mapping[str, Host], plan: Plan, clock: Path | None) -> None:
        """`clock`: libfaketime, if it can be had."""
        self._hosts, self._plan = hosts, plan
        self._chance = random.Random(plan.seed)
        self._outcome = Outcome()
        self._library = clock
        self._clock = hosts[SERVER].folder / "clock"
        self._workers: dict[str, Machine] = {}
        self._server: Machine | None = None
        self._died_at = ""

    @property
    def survived(self) -> Counter[str]:
        return self._outcome.survived

    @property
    def farm(self) -> Path:
        return self._hosts[SERVER].folder / "disk" / "farm"

    def run(self) -> Outcome:
        """Raises AssertionError for whatever was lost or left behind."""
        began = time.monotonic()
        with ExitStack() as parts:
            disk = parts.enter_context(disks.small(self._hosts[SERVER].folder / "disk", size=_DISK))
            self._broker = Broker(self._hosts[SERVER])
            parts.callback(self._broker.close)
            parts.callback(self._end_machines)
            self._set_clock(0)
            self._start_server()
            self._settings = {name: json.loads(self._artist("join", self._link, name, host=name)) for name in WORKERS}
            for name in WORKERS:
                self._start_worker(name)
            jobs = [f"job-{number}" for number in range(1, self._plan.jobs + 1)]
            for job in jobs[: len(jobs) // 2 + 1]:
                self._send(job)
            self._break_things(jobs, disk)
            for host in self._hosts.values():
                host.heal()
            self._set_clock(0)
            self._let_all_end(jobs)
            self._check(jobs)
        self._outcome.seconds = time.monotonic() - began
        return self._outcome

    # Who takes part

    def _start_server(self, *, die: str = "") -> None:
        host = self._hosts[SERVER]
        options = ["serve", "--host", "0.0.0.0", "--port", str(_PORT), "--json", "--farm-dir", str(self.farm)]
        env = {"BENDER_WORKER_AMQP_URL": self._broker.url, "BENDER_WORKER_DISKLIMIT": "0.004", "LOST_AFTER": str(_LOST)}
        if die:
            env["DIE"] = die
        if self._library is not None:
            env |= {
                "LD_PRELOAD": str(self._library),
                "FAKETIME_TIMESTAMP_FILE": str(self._clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1",
                "NO_FAKE_STAT": "1",
            }
        program, *words = host.command([sys.executable, DYING, *options])
        self._server = Machine(host.folder / "log", words, env, program)
        self._died_at = die
        if not die:
            links = json.loads(self._server.line())
            self._url = f"http://artist:{links['key']}@{host.address}:{_PORT}"
            self._link = f"http://{host.address}:{_PORT}/join/{links['join'].rpartition('/')[2]}"

    def _start_worker(self, name: str) -> None:
        host = self._hosts[name]
        env = {
            **self._plan.env,
            "BENDER_WORKER_ID": name,
            "BENDER_WORKER_DATA_DIR": str(host.folder / "data"),
            "BENDER_WORKER_HEART_RATE_SECONDS": "1",
            "BENDER_WORKER_DISKLIMIT": "0",
            **{f"BENDER_WORKER_{key.upper()}": value for key, value in self._settings[name].items()},
        }
        program, *words = host.command(self._plan.worker)
        self._workers[name] = Machine(host.folder / "log", words, env, program)

    def _artist(self, *words: str, host: str = ARTIST) -> str:
        url = {"BENDER_URL": self._url} if words[0] != "join" else {}
        command = self._hosts[host].command([sys.executable, PROGRAMS / "artist.py", *words])
        env = {"PATH": os.environ["PATH"], "HOME": str(self._hosts[host].folder), **url}
        deadline = time.monotonic() + _ASK
        with tempfile.TemporaryFile("w+") as output:
            asked = subprocess.Popen(command, env=env, cwd=self._hosts[host].folder, stdout=output)
            try:
                while asked.poll() is None:
                    assert time.monotonic() < deadline, f"the artist waits for {words}\n{self._words_of_server()}"
                    self._keep_server_running()
                    time.sleep(0.1)
            finally:
                end(asked)
            output.seek(0)
            answer = output.read()
        assert asked.returncode == 0, (words, answer, self._words_of_server())
        return answer

    def _send(self, job: str) -> None:
        file = self._hosts[ARTIST].folder / f"{job}.blend"
        file.write_bytes(self._plan.blend(self._chance))
        tiles = len(_REGIONS) if _is_in_tiles(job) else 1
        self._artist("send", job, f"1-{self._plan.frames}", str(file), str(tiles))

    def _jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._artist("jobs"))
        return found

    def _keep_server_running(self) -> None:
        """As systemd does."""
        if self._server is not None and self._server.ended():
            assert self._died_at or self._server.exit_code() in (137, -9), self._words_of_server()
            if self._died_at:
                self.survived[f"server killed {self._died_at}"] += 1
            self._server.end()
            self._start_server()

    def _words_of_server(self) -> str:
        logs = sorted((self._hosts[SERVER].folder / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return "\n".join(path.read_text()[-3000:] for path in logs[-2:])

    def _end_machines(self) -> None:
        for machine in (*self._workers.values(), self._server):
            if machine is not None:
                machine.end()

    # What breaks

    def _break_things(self, jobs: Sequence[str], disk: Path) -> None:
        breaking: list[Callable[[], None]] = [
            self._kill_server,
            self._kill_server_at_a_step,
            self._kill_broker,
            self._empty_broker,
            self._kill_worker,
            self._cut_a_link,
            self._slow_a_link,
            lambda: self._fill(disk),
            self._pause_and_resume,
            self._cancel_and_retry,
        ]
        if self._library is not None:
            breaking.append(self._move_clock)
        later = list(jobs[len(jobs) // 2 + 1 :])
        order = [*breaking, *(self._chance.choice(breaking) for _ in range(self._plan.breaks - len(breaking)))]
        self._chance.shuffle(order)
        for broken, break_something in enumerate(order):
            time.sleep(self._chance.expovariate(1 / self._plan.pause))
            break_something()
            self._keep_server_running()
            if later and broken % 2:
                self._send(later.pop())
        for job in later:
            self._send(job)

    def _kill_server(self) -> None:
        assert self._server is not None
        self._server.kill()
        self._server.exit_code()
        self.survived["server killed"] += 1
        time.sleep(self._chance.uniform(0, 1))
        self._start_server()

    def _kill_server_at_a_step(self) -> None:
        """It may well come to that step when jobs or frames come."""
        moments = [f"after {step}" for step in STEPS]
        assert self._server is not None
        self._server.end()
        self._start_server(die=self._chance.choice(moments))

    def _kill_broker(self) -> None:
        self._broker.tell("kill")
        self.survived["RabbitMQ killed"] += 1

    def _empty_broker(self) -> None:
        self._broker.tell("empty")
        self.survived["RabbitMQ emptied"] += 1

    def _kill_worker(self) -> None:
        name = self._chance.choice(WORKERS)
        self._workers[name].kill()
        self._workers[name].exit_code()
        time.sleep(self._chance.uniform(0, 2))
        self._start_worker(name)
        self.survived["workers killed"] += 1

    def _cut_a_link(self) -> None:
        host = self._hosts[self._chance.choice([SERVER, *WORKERS])]
        host.cut()
        time.sleep(self._chance.uniform(0.5, 5))
        host.heal()
        self.survived["links cut"] += 1

    def _slow_a_link(self) -> None:
        host = self._hosts[self._chance.choice([SERVER, *WORKERS])]
        host.slow(self._chance.choice(["64kbit", "256kbit", "1mbit"]))
        time.sleep(self._chance.uniform(0.5, 5))
        host.heal()
        self.survived["links slowed"] += 1

    def _fill(self, disk: Path) -> None:
        filler = disks.fill(disk)
        time.sleep(self._chance.uniform(0.5, 4))
        filler.unlink()
        self.survived["times the server's disk was full"] += 1

    def _move_clock(self) -> None:
        self._set_clock(self._chance.choice([-_HOUR, _HOUR]))
        self.survived["times the server's clock was set"] += 1

    def _set_clock(self, seconds: int) -> None:
        fresh = self._clock.with_suffix(".fresh")
        fresh.write_text(f"{seconds:+d}")
        fresh.replace(self._clock)

    def _pause_and_resume(self) -> None:
        job = self._chance.choice(self._jobs())["id"]
        for word in ("pause", "resume"):
            self._artist(word, job)
        self.survived["jobs paused and resumed"] += 1

    def _cancel_and_retry(self) -> None:
        job = self._chance.choice(self._jobs())["id"]
        for word in ("cancel", "retry"):
            self._artist(word, job)
        self.survived["jobs canceled and sent again"] += 1

    # What must hold

    def _let_all_end(self, jobs: Sequence[str]) -> None:
        deadline = time.monotonic() + _END
        while True:
            found = self._jobs()
            if {job["id"] for job in found} == set(jobs) and all(job["status"] == "Finished" for job in found):
                return
            for job in found:
                if job["frames"].get("Errored") or job["frames"].get("Aborted"):
                    self._artist("retry", job["id"])
            assert time.monotonic() < deadline, f"{found}\n{self._words_of_server()}"
            time.sleep(0.5)

    def _check(self, jobs: Sequence[str]) -> None:
        for job in jobs:
            whole = json.loads(self._artist("fetch", job, str(self._hosts[ARTIST].folder / job)))
            assert whole == self._plan.frames, (job, whole)
        for name in WORKERS:
            assert self._workers[name].end() == 0, self._workers[name].log.read_text()[-3000:]
        assert self._server is not None
        assert self._server.end() == 0, self._words_of_server()
        for log in (self._hosts[SERVER].folder / "log").glob("*.log"):
            assert "Traceback" not in log.read_text(), log.read_text()
        for job in jobs:
            told = json.loads((self.farm / "jobs" / job / "data.json").read_text())
            assert told["status"] == {"Job": "Finished"}
            known = {
                int(number): frame
                for task in told["tasks"]
                for number, frame in task["command"]["Blender"]["frame"].items()
            }
            assert sorted(known) == list(range(1, self._plan.frames + 1))
            for number, frame in known.items():
                content = (self.farm / "frames" / job / f"{number:06d}.png").read_bytes()
                assert self._plan.is_whole(content, number, _is_in_tiles(job)), (job, number)
                assert (self._hosts[ARTIST].folder / job / f"{number:06d}.png").read_bytes() == content
                digest = hashlib.blake2b(content).hexdigest()
                assert (frame["filesize"], frame["hash"]) == (len(content), digest), (job, number, frame)
                self._outcome.frames += 1
            assert len(list((self.farm / "frames" / job).iterdir())) == self._plan.frames
        assert not [path for path in (self.farm / "frames").rglob(".*") if path.is_file()]
        assert not list((self.farm / "jobs").rglob("*.exr"))
        with closing(sqlite3.connect(self.farm / "farm.sqlite")) as books:
            assert books.execute("SELECT DISTINCT status FROM task").fetchall() == [("Finished",)]
            for table in ("message", "fed"):
                assert books.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
            assert books.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for name in WORKERS:
            with closing(sqlite3.connect(self._hosts[name].folder / "data" / "journal.sqlite")) as journal:
                assert journal.execute("SELECT count(*) FROM report").fetchone() == (0,)


def stand_in(folder: Path, *, seed: int, jobs: int, frames: int, breaks: int) -> Outcome:
    """With the stand-in child. Raises ToolError where namespaces can't be had."""

    def blend(chance: random.Random) -> bytes:
        noise = "x" * chance.randrange(10**5)
        return stand_in_blend(record=os.devnull, seconds=round(chance.uniform(0.05, 0.3), 2), noise=noise)

    return _run(
        folder,
        Plan(
            seed=seed,
            jobs=jobs,
            frames=frames,
            pause=1.0,
            breaks=breaks,
            worker=[sys.executable, WORKER, "--look-at-blends", "1"],
            env={},
            blend=blend,
            is_whole=lambda content, number, in_tiles: (
                content == PNG + f"PNG {number}".encode() + (_OF_TILES if in_tiles else b"")
            ),
        ),
    )


def real(folder: Path, *, seed: int, jobs: int, frames: int, breaks: int) -> Outcome:
    """With a real Blender."""
    blender = blenders.find()
    scene = scenes.make(blender, "trivial", folder / "trivial.blend", width=64, height=36, samples=1).read_bytes()
    seen: dict[int, bytes] = {}

    def is_whole(content: bytes, number: int, _: bool) -> bool:
        """Of a frame all jobs have the same picture, those in tiles and the others."""
        return seen.setdefault(number, _pixels(content)) == _pixels(content)

    return _run(
        folder,
        Plan(
            seed=seed,
            jobs=jobs,
            frames=frames,
            pause=4.0,
            breaks=breaks,
            worker=[blender, "--command", "bender_worker", "run"],
            env=package.install(blender, package.build(blender, folder=folder), folder / "user"),
            blend=lambda _: scene,
            is_whole=is_whole,
        ),
    )


def _is_in_tiles(job: str) -> bool:
    return int(job.rpartition("-")[2]) % 2 == 0


def _pixels(png: bytes) -> bytes:
    """As they are compressed: what else is in the file tells of its render."""
    assert png.startswith(PNG)
    place, found, kind = len(PNG), b"", b""
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        found += png[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += length + 12
    assert kind == b"IEND"
    return found


def _run(folder: Path, plan: Plan) -> Outcome:
    with network(folder, [SERVER, ONE, TWO, ARTIST]) as hosts, _ended_by_sigterm():
        return FarmChaos(hosts, plan, _faketime()).run()


def _faketime() -> Path | None:
    with suppress(ToolError):
        return next(fetch_package("libfaketime").rglob("libfaketimeMT.so.1"), None)
    return None


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does, so that namespaces and disks go."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
