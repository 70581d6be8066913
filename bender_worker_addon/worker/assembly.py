# SPDX-License-Identifier: GPL-3.0-or-later
"""Assembly: what a worker is made of, put together from its settings, and taken apart."""

import logging
import os
import sched
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType
from typing import Any

from ..core.errors import WorkerError
from ..core.in_flight import TasksInFlight
from ..core.orders import Inspector, key_of
from ..core.preview import ALL, TILES
from ..farm.database import SERVED
from ..queues.choice import task_queue
from ..settings.config import WorkerConfig
from ..settings.tls import Tls
from ..system.awake import AwakeClock
from ..system.disks import Disks, why_unusable
from ..system.executor import Executor
from ..system.programs import why_not_run
from ..system.sandbox import Sandbox, why_impossible
from ..system.sleepless import Sleepless
from .blends.blends import Blends
from .blends.cache import BlendCache
from .blends.lazy import LazyFlaskbender
from .blends.shared import SharedBlends
from .blends.tiles import Tiles
from .children.dispatcher import Dispatcher
from .children.pool import Pool
from .children.scratch import Scratch
from .connection import Connection
from .control import Control
from .frames.folders import FrameFolders
from .frames.previews import Previews
from .frames.storing import FrameStore
from .frames.uploads import AT_ONCE, Uploads
from .hello import Hello
from .life.activity import Activity
from .life.admission import Admission
from .life.circuit_breaker import CircuitBreaker
from .life.life import Life
from .life.reporter import Reporter
from .life.settlement import Settlement
from .life.upload import UploadStage
from .orders import Orders
from .state.journal import Journal
from .state.record import Record
from .state.task_logs import TaskLogs
from .status import Status

log = logging.getLogger(__name__)

_CLOSE = 1.0  # seconds each part may take to close


class Assembly:
    """One of each, knowing those it needs; what happens beside the worker's thread comes to `inbox`."""

    def __init__(
        self,
        config: WorkerConfig,
        *,
        child_command: Sequence[str],
        max_tasks: int | None,
        inbox: "SimpleQueue[Any]",
        about: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Raises WorkerError if the worker's folders or its settings can't be used; then nothing is left open."""
        for folder in (config.blendpath, config.outpath):
            if trouble := why_unusable(folder):
                raise WorkerError(trouble)
        sandbox = _sandbox(config)
        self.record = Record()
        self.schedule = sched.scheduler(time.monotonic)
        with ExitStack() as opened:
            blender = about.get("blender", "")
            self._open(config, opened, inbox=inbox, sandbox=sandbox, child_command=child_command, blender=blender)
            self._assemble(config, max_tasks=max_tasks, blender=blender)
            self._assemble_what_the_farm_knows(config, about=about, inbox=inbox)
            self._opened = opened.pop_all()

    def beside(self, work: Callable[[], None]) -> None:
        """Does it beside the worker's thread, after all frames handed over so far are stored."""
        self._storing.do(work)

    def load_flaskbender(self) -> None:
        """Beside the worker's thread, so that its first task need not wait for that."""
        self._questions.do(self._flaskbender.load)

    def close(self) -> None:
        """Ends every process and thread they have started. All are closed, whatever one of them raises; then the first
        error is raised."""
        self._opened.close()

    def _open(
        self,
        config: WorkerConfig,
        opened: ExitStack,
        *,
        inbox: "SimpleQueue[Any]",
        sandbox: Sandbox | None,
        child_command: Sequence[str],
        blender: str,
    ) -> None:
        """The parts that hold something: a folder, threads, processes, a connection. Closed in reverse."""

        def executor(name: str, *, threads: int = 1, timeout: float = 0.0) -> Executor:
            made = Executor(name, inbox=inbox, threads=threads)
            opened.push(_closing(partial(made.close, timeout=timeout)))
            return made

        last = opened.enter_context(ExitStack())
        self.sleepless = Sleepless()
        opened.push(_closing(self.sleepless.close))
        writing = Executor("bender-journal", inbox=inbox)
        self.journal = Journal(config.data_dir / "journal.sqlite", beside=writing.do)
        opened.push(_closing(partial(_close_by, writing, self.journal.close)))
        self.control = Control(config.data_dir, inbox=inbox)
        last.push(_closing(self.control.close))  # who asked it to stop learns that it has, when all else is closed
        self._flaskbender = LazyFlaskbender(config.bender_url, Tls.of(config))
        self._transfers = executor("bender-transfer", threads=2)
        self._questions = executor("bender-question", threads=2)
        self._uploading = executor("bender-upload", threads=AT_ONCE)
        self._looking = executor("bender-disk", timeout=_CLOSE)
        self.disks = Disks((config.outpath, config.blendpath, config.data_dir), executor=self._looking, inbox=inbox)
        self.blends = self._blends_of(config)
        opened.push(_closing(partial(self._looking.do, self.blends.close)))
        self._storing = executor("bender-frames", timeout=_CLOSE)
        self.queue = task_queue(config, inbox=inbox, blender=blender)
        opened.push(_closing(partial(self.queue.close, timeout=_CLOSE)))
        self._logs = TaskLogs(config.data_dir / "logs", beside=self.beside)
        self.pool = Pool(
            command=child_command,
            sandbox=sandbox,
            scratch=Scratch(config.outpath / ".rendering" / config.id),
            logs=self._logs,
            keep_children=config.keep_child,
            devices=config.devices,
            previews=previews_of(config),
            renderers=config.renderers,
            inbox=inbox,
            later=self.beside,
            clock=AwakeClock(self.schedule),
        )
        opened.push(_closing(partial(self.pool.close, timeout=_CLOSE)))

    def _assemble(self, config: WorkerConfig, *, max_tasks: int | None, blender: str) -> None:
        """The parts that decide."""
        self.reporter = Reporter(journal=self.journal, queue=self.queue, worker_id=config.id)
        self.in_flight = TasksInFlight()
        self.activity = Activity()
        self.admission = Admission(
            queue=self.queue,
            in_flight=self.in_flight,
            workload=config.workload,
            max_tasks=max_tasks,
            disklimit=config.disklimit,
        )
        previews = self._previews(config)
        self.uploads = Uploads(
            flaskbender=self._flaskbender, executor=self._uploading, schedule=self.schedule, previews=previews
        )
        self.dispatcher = Dispatcher(self.pool, renderers=config.renderers, memory_limit=int(config.memory_limit * 1e9))
        store = FrameStore(
            self._storing,
            shared=config.mode == "Server",
            rendered=self.journal.rendered,
            previews=previews,
            takes_doubtful=not config.fail_in_doubt,
        )
        breaker = CircuitBreaker(journal=self.journal, here_only=config.is_local)
        self.settlement = Settlement(
            in_flight=self.in_flight,
            journal=self.journal,
            queue=self.queue,
            admission=self.admission,
            reporter=self.reporter,
            logs=self._logs,
            breaker=breaker,
            record=self.record,
            blender=blender,
        )
        self.upload_stage = (
            None
            if not config.uploads
            else UploadStage(
                in_flight=self.in_flight,
                keep=config.upload == "copy",
                uploads=self.uploads,
                journal=self.journal,
                reporter=self.reporter,
                admission=self.admission,
                store=store,
                settlement=self.settlement,
                record=self.record,
            )
        )
        self.life = Life(
            in_flight=self.in_flight,
            activity=self.activity,
            folders=FrameFolders(config.outpath, blendpath=config.blendpath, own=config.is_local),
            journal=self.journal,
            queue=self.queue,
            admission=self.admission,
            blends=self.blends,
            tiles=None if config.is_shared else self._tiles_of(config),
            disks=self.disks,
            pool=self.pool,
            dispatcher=self.dispatcher,
            store=store,
            upload_stage=self.upload_stage,
            reporter=self.reporter,
            settlement=self.settlement,
            breaker=breaker,
            schedule=self.schedule,
            record=self.record,
        )
        self.connection = Connection(
            queue=self.queue, reporter=self.reporter, settlement=self.settlement, interrupt=self.life.interrupt
        )
        self.status = Status(
            in_flight=self.in_flight,
            activity=self.activity,
            connection=self.connection,
            admission=self.admission,
            blends=self.blends,
            uploads=self.uploads,
            record=self.record,
        )

    def _assemble_what_the_farm_knows(
        self, config: WorkerConfig, *, about: Mapping[str, str], inbox: "SimpleQueue[Any]"
    ) -> None:
        """The parts that speak with the farm's server, if it has one."""
        run = secrets.token_hex(8)
        token = "" if config.is_local else config.token
        self.hello = Hello(
            config,
            run=run,
            about=about,
            status=self.status,
            record=self.record,
            reporter=self.reporter,
            schedule=self.schedule,
        )
        self.orders = Orders(
            Inspector(worker=config.id, run=run, key=key_of(token) if token else None),
            activity=self.activity,
            reporter=self.reporter,
            logs=self._logs,
            beside=self.beside,
            inbox=inbox,
        )

    def _previews(self, config: WorkerConfig) -> Previews | None:
        if not previews_of(config):
            return None
        previews = Previews(config.data_dir / "previews", jobs=config.blendpath if config.is_local else None)
        if not self.journal.uploading():
            self.beside(previews.clear)
        return previews

    def _tiles_of(self, config: WorkerConfig) -> Tiles:
        return Tiles(config.blendpath, source=self._flaskbender, executor=self._transfers, schedule=self.schedule)

    def _blends_of(self, config: WorkerConfig) -> Blends:
        executors = {"transfers": self._transfers, "questions": self._questions}
        if config.is_shared:
            return SharedBlends(config.blendpath, **executors, schedule=self.schedule)
        return BlendCache(
            config.blendpath,
            source=self._flaskbender,
            **executors,
            disk=self._looking,
            schedule=self.schedule,
            journal=self.journal,
            grace_period=config.grace_period,
            cache_limit=config.cache_limit,
        )


def previews_of(config: WorkerConfig) -> str:
    """Of what somebody wants previews, "" of nothing: a server of the farm's shows those of all, one that this machine
    has joined or one here. Without a server only tiles are no pictures that one can look at."""
    if config.is_local:
        return ALL if (config.farm_dir / SERVED).exists() else TILES
    return ALL if config.uploads and config.token else ""


def _closing(close: Callable[[], object]) -> Callable[[object, BaseException | None, object], None]:
    """What closes a part at the exit of a stack. If that fails, it is raised, or logged if something was before."""

    def leave(_kind: object, earlier: BaseException | None, _trace: object) -> None:
        try:
            close()
        except Exception as error:
            if earlier is None:
                raise
            log.error("then this could not be closed: %s", error, exc_info=error)

    return leave


def _close_by(executor: Executor, close: Callable[[], None]) -> None:
    """Closes a part after all that `executor` is to do for it, and waits for no disk that hangs. Raises WorkerError."""
    failed: list[WorkerError] = []

    def work() -> None:
        try:
            close()
        except WorkerError as error:
            failed.append(error)

    executor.do(work)
    executor.close(timeout=_CLOSE)
    for error in failed:
        raise error


def _sandbox(config: WorkerConfig) -> Sandbox | None:
    """The sandbox for every child, if one is wanted and can be had. Raises WorkerError if it must be and can't."""
    if config.sandbox == "off":
        return None
    sandbox = Sandbox(tuple(Path(path) for path in config.sandbox_paths.split(os.pathsep) if path))
    trouble = why_impossible() or why_not_run(sandbox.command(["/bin/true"], folder=config.outpath))
    if not trouble:
        return sandbox
    if config.sandbox == "on":
        raise WorkerError(f"there is no sandbox for Blender: {trouble}; set sandbox to off to work without one")
    log.warning("there is no sandbox for Blender, it can read what this user can: %s", trouble)
    return None
