# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker's tests share: messages, small blends, a broker that keeps what it is told, a worker to drive."""

import gzip
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.core.deliveries import Confirmed, Connected, Delivered, Delivery, Disconnected, OthersSeen
from bender_worker_addon.farm.database import Database
from bender_worker_addon.queues.local.queue import LocalQueue
from bender_worker_addon.system.platform import WINDOWS
from bender_worker_addon.worker.worker import Worker
from tests.unit.gates import make
from tests.unit.processes import children
from tools.servers.blend_server import BlendServer

DEADLINE = 60.0  # seconds for anything that should happen in a moment: a busy machine, and Wine, take their time
PNG = b"\x89PNG\r\n\x1a\n"

_CHILDREN = Path(__file__).parent / "children"


def child_command(name: str, *arguments: object) -> list[str]:
    """The command line of a stand-in child, `children/<name>.py`."""
    return [sys.executable, "-S", str(_CHILDREN / f"{name}.py"), *map(str, arguments)]


def task_wire(
    task_id: str = "task-1", *, job: str = "job-1", frames: Iterable[int] = (1,), **blender: Any
) -> dict[str, Any]:
    """A task as the farm sends it; `blender` overrides what stands in its command."""
    moments = ("queued", "start", "finish", "error", "abort", "pause")
    return {
        "id": task_id,
        "status": "Waiting",
        "time": {"creation": "2019-03-02T13:48:40.176598Z", **dict.fromkeys(moments)},
        "command": {
            "Blender": {
                "frame": {str(frame): {"filesize": None, "hash": None, "uploaded": False} for frame in frames},
                "image_format": "PNG",
                "blendfile": None,
                "outpath": None,
                "command": None,
                **blender,
            }
        },
        "data": {},
        "parent_id": job,
    }


def message(task_id: str = "task-1", **wire: Any) -> bytes:
    return json.dumps(task_wire(task_id, **wire)).encode()


def blend(**scene: Any) -> bytes:
    """A file that has a blend's structure. `scene` is read by the stand-in child `renders`: see there."""
    content = json.dumps(scene, default=str).encode()
    block = b"REND" + len(content).to_bytes(4, "little") + bytes(16)
    return b"BLENDER-v403" + block + content + b"ENDB" + bytes(20)


def large_blend(path: Path, size: int) -> Path:
    """A file of so many bytes that begins and ends as a blend does, and takes next to nothing of the disk."""
    whole = blend()
    with path.open("wb") as file:
        file.write(whole[:-24])
        file.seek(size - 24)
        file.write(whole[-24:])
    return path


def zstd(content: bytes, *, block: int = 700) -> bytes:
    """Zstandard with raw blocks only (RFC 8878, 3.1.1), followed by a skippable frame, as Blender writes one."""
    blocks = [content[start : start + block] for start in range(0, len(content), block)]
    frame = b"\x28\xb5\x2f\xfd" + b"\xa0" + len(content).to_bytes(4, "little")
    for number, piece in enumerate(blocks, start=1):
        frame += (len(piece) << 3 | (number == len(blocks))).to_bytes(3, "little") + piece
    return frame + b"\x5e\x2a\x4d\x18" + (9).to_bytes(4, "little") + bytes(9)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {"plain": bytes, "gzip": gzip.compress, "zstd": zstd}


def event_from(inbox: "SimpleQueue[Any]", kind: type) -> Any:
    """The next event of this kind; others before it are dropped. Fails if none comes in time."""
    deadline = time.monotonic() + DEADLINE
    seen = []
    while (left := deadline - time.monotonic()) > 0:
        try:
            event = inbox.get(timeout=left)
        except Empty:
            break
        if isinstance(event, kind):
            return event
        seen.append(event)
    raise AssertionError(f"no {kind.__name__} came, only {seen}")


def hang_until(gate: threading.Event) -> None:
    """What a disk that does not answer makes of any work."""
    gate.wait(DEADLINE)


def linked(place: Path, to: Path | str) -> None:
    """Makes a symbolic link of `place`, to a file or a folder."""
    try:
        is_folder = Path(to).is_dir()
    except OSError:  # its name is too long for one
        is_folder = False
    place.symlink_to(to, target_is_directory=is_folder)
    if not place.is_symlink():
        pytest.skip("Wine makes no symbolic links")


def cut_off(folder: Path) -> None:
    """From now on whoever looks into the folder gets an error, as from a shared disk that has a hiccup: not that
    nothing is there, but that it can't be told."""
    folder.rename(_aside(folder))
    if WINDOWS:  # where Wine makes no links
        folder.touch()
        return
    while not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)  # who writes into it may just have made it anew
        with suppress(FileExistsError):
            folder.symlink_to("x" * 300)


def plugged_in(folder: Path) -> None:
    """It is there again, with what was in it."""
    folder.unlink()
    while _aside(folder).exists():
        with suppress(OSError):  # who writes into it may just have made it anew
            shutil.rmtree(folder, ignore_errors=True)
            _aside(folder).rename(folder)


def _aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-cut-off")


@dataclass
class StandInBroker:
    """The Broker's methods without a RabbitMQ: it keeps what it is told, and a test decides when it is confirmed."""

    url: str
    worker_id: str
    inbox: "SimpleQueue[Any]"
    history: list[str] = field(default_factory=list)
    reports: list[tuple[str, bytes]] = field(default_factory=list)
    settled: list[tuple[str, int]] = field(default_factory=list)
    prefetch: int = 0
    confirms: bool = True
    unconfirmed: list[int] = field(default_factory=list)
    session: int = 0
    tags: int = 0
    closed: bool = False
    aside: list[int] = field(default_factory=list)
    told: list[tuple[str, bytes]] = field(default_factory=list)
    name: str = "the stand-in"
    others: int = 1
    last: frozenset[str] = frozenset()

    # What the worker calls

    def start(self) -> None:
        self.connect()

    def consume(self, prefetch: int) -> None:
        self.prefetch = prefetch

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        if session != self.session:
            return
        self.reports.append((routing_key, body))
        if report_id is not None:
            self.history.append(routing_key.partition(".")[0])
            self.unconfirmed.append(report_id)
            if self.confirms:
                self.confirm()

    def tell(self, session: int, routing_key: str, body: bytes) -> None:
        if session == self.session:
            self.told.append((routing_key, body))

    def ack(self, delivery: Delivery) -> None:
        self._settle("ack", delivery)

    def requeue(self, delivery: Delivery) -> None:
        self._settle("requeued", delivery)

    def reject(self, delivery: Delivery) -> None:
        self._settle("rejected", delivery)

    def set_aside(self, delivery: Delivery) -> None:
        self.aside.append(delivery.tag)

    def put_last(self, jobs: frozenset[str]) -> None:
        self.last = jobs

    def renders_on(self, kind: str) -> None:
        self.kind = kind

    def look_for_others(self) -> None:
        self.inbox.put(OthersSeen(self.others))

    def close(self, *, timeout: float) -> None:
        self.closed = True

    # What a test does

    def deliver(self, body: bytes, *, redelivered: bool = False) -> int:
        self.tags += 1
        self.inbox.put(Delivered(Delivery(self.session, self.tags, body, redelivered)))
        return self.tags

    def confirm(self) -> None:
        """Confirms all that was published so far."""
        while self.unconfirmed:
            self.inbox.put(Confirmed((self.unconfirmed.pop(0),)))

    def connect(self) -> None:
        self.session += 1
        self.inbox.put(Connected(self.session))

    def disconnect(self) -> None:
        """The connection is lost: what was not confirmed never will be, and nothing of this session is settled."""
        self.session += 1
        self.unconfirmed.clear()
        self.inbox.put(Disconnected("the test cut it", 0.0))

    def tasks(self, step: str) -> list[dict[str, Any]]:
        """The tasks reported at this step."""
        return [json.loads(body) for key, body in self.reports if key.startswith(f"{step}.")]

    def _settle(self, how: str, delivery: Delivery) -> None:
        if delivery.session != self.session:
            return
        assert all(tag != delivery.tag for _, tag in self.settled), f"delivery {delivery.tag} was settled twice"
        self.history.append(how)
        self.settled.append((how, delivery.tag))


class WatchedLocalQueue(LocalQueue):
    """The queue on this machine, and what a worker has told it: as of the StandInBroker, but nothing here is decided by
    a test."""

    def __init__(self, folder: Path, *, inbox: "SimpleQueue[Any]") -> None:
        super().__init__(folder, jobs=folder / "jobs", inbox=inbox, worker_id="w1")
        self._folder_of_farm = folder
        self.history: list[str] = []
        self.reports: list[tuple[str, bytes]] = []
        self.settled: list[tuple[str, int]] = []
        self.prefetch = 0
        self.closed = False

    def consume(self, prefetch: int) -> None:
        self.prefetch = prefetch
        super().consume(prefetch)

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        self.reports.append((routing_key, body))
        if report_id is not None:
            self.history.append(routing_key.partition(".")[0])
        super().publish(session, report_id, routing_key, body)

    def ack(self, delivery: Delivery) -> None:
        self._settle("ack", delivery)
        super().ack(delivery)

    def requeue(self, delivery: Delivery) -> None:
        self._settle("requeued", delivery)
        super().requeue(delivery)

    def reject(self, delivery: Delivery) -> None:
        self._settle("rejected", delivery)
        super().ack(delivery)

    def close(self, *, timeout: float) -> None:
        self.closed = True
        super().close(timeout=timeout)

    def deliver(self, body: bytes, *, redelivered: bool = False) -> int:
        with closing(Database(self._folder_of_farm)) as database, database.changing() as connection:
            row = connection.execute("INSERT INTO message (body, redelivered) VALUES (?, ?)", (body, redelivered))
            assert row.lastrowid is not None
            return row.lastrowid

    def tasks(self, step: str) -> list[dict[str, Any]]:
        """The tasks reported at this step."""
        return [json.loads(body) for key, body in self.reports if key.startswith(f"{step}.")]

    def _settle(self, how: str, delivery: Delivery) -> None:
        self.history.append(how)
        self.settled.append((how, delivery.tag))


@dataclass
class Farm:
    """A worker, its broker and its flaskbender; `until` drives the worker."""

    worker: Worker
    broker: Any  # a StandInBroker, or a WatchedLocalQueue in tests for both queues
    http: BlendServer
    folder: Path
    _others: frozenset[int] = field(default_factory=children)

    def add(self, job: str = "job-1", *, behaviour: Any = None, **scene: Any) -> None:
        """Registers a job; what is rendered of it is kept for `renders`. `behaviour`: how its blend is served."""
        self.http.add(job, blend(record=self._record, **scene), behaviour=behaviour)

    def renders(self) -> list[tuple[int, int]]:
        """Process and frame of each frame that a child rendered, in order."""
        if not self._record.exists():
            return []
        lines = self._record.read_text().splitlines()
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    def children(self) -> list[int]:
        """The processes that were started since this farm began and that are there."""
        return sorted(children() - self._others)

    def gate(self) -> Path:
        """Something for a frame to `wait` at until it is `opened`."""
        return make(self.folder / f"gate-{len(list(self.folder.glob('gate-?')))}")

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, f"it did not come to it; what came: {self.broker.history}"
            self.worker.tick(0.05)

    def until_settled(self, count: int = 1) -> None:
        self.until(lambda: len(self.broker.settled) >= count)

    def until_over(self) -> None:
        self.until(lambda: self.worker.over)

    def frame(self, number: int, job: str = "job-1") -> Path:
        return self.folder / "frames" / job / f"{number:06d}.png"

    @property
    def _record(self) -> Path:
        return self.folder / "renders.txt"
