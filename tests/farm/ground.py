# SPDX-License-Identifier: GPL-3.0-or-later
"""What a farm for one test has, wherever its tasks come from: workers on demand, their frames, their reports."""

import re
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, Self

from tests.farm.process import DEADLINE, WorkerProcess
from tools.servers.farm import Report

RUN = ("--command", "bender_worker", "run")
_FRAME = re.compile(r"\d{6}\.(png|bmp|jpg|jp2|tga|cin|dpx|exr|hdr|tif|webp|rgb|avif)")


class Bookkeeping(Protocol):
    @property
    def reports(self) -> list[Report]:
        """All that came so far."""

    def wait_for(self, wanted: Callable[[Report], bool], *, timeout: float, count: int = 1) -> list[Report]:
        """The first `count` reports that are `wanted`, as soon as they are there. Raises TimeoutError."""


class Ground(ABC):
    """Its workers have ended when it is left; nothing of them may be left behind, and nothing but frames may lie among
    the frames: that is looked at then. `folder` holds what workers keep, `outpath` the frames."""

    def __init__(self, *, blender: Path, env: Mapping[str, str], folder: Path, outpath: Path) -> None:
        """`blender` has the add-on when it is run with `env`."""
        self.blender, self.folder, self.outpath = blender, folder, outpath
        self._env = {name: value for name, value in env.items() if not name.startswith("BENDER_")}
        self._workers: list[WorkerProcess] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._begin(self._stack)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        still_there = [worker for worker in self._workers if worker.living()]
        for worker in still_there:
            worker.end()
        for worker in self._workers:
            worker.wait()
        self._stack.close()
        if kind is None:
            assert not still_there, f"a worker or its child is still there:\n{still_there[0].log}"
            assert self.leftovers() == []

    @abstractmethod
    def _begin(self, stack: ExitStack) -> None:
        """Starts what this farm has besides workers, to end with the stack."""

    # Who works for it

    @abstractmethod
    def environment(self, **settings: object) -> dict[str, str]:
        """A worker's environment: this farm, folders of its own, and whatever else is set."""

    def worker(
        self,
        *options: str,
        form: tuple[str, ...] = RUN,
        environment: Mapping[str, str] | None = None,
        **settings: object,
    ) -> WorkerProcess:
        """Starts a worker. It is verbose, and would end by itself if nobody gave it anything to do any more."""
        words = [str(self.blender), *form, "--verbose", "--idle-exit", "240", *options]
        worker = WorkerProcess(words, env=self.environment(**settings) | dict(environment or {}))
        self._workers.append(worker)
        return worker

    def follow(self, *words: str) -> WorkerProcess:
        """Starts a word of the command line that goes on until it is interrupted."""
        follower = WorkerProcess([self.blender, *RUN[:2], *words], env=self.environment())
        self._workers.append(follower)
        return follower

    def command(self, *words: str | Path, **settings: object) -> subprocess.CompletedProcess[str]:
        """Carries out a word of the command line; a worker it starts must end by itself."""
        return self.blender_with("--command", "bender_worker", *words, **settings)

    def blender_with(self, *words: str | Path, **settings: object) -> subprocess.CompletedProcess[str]:
        env = self.environment(**settings)
        command = [self.blender, *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)

    # Its frames

    def frame(self, job_id: str, name: str) -> Path:
        return self.outpath / job_id / name

    def frames(self, job_id: str) -> list[str]:
        """The names of all that lies in the job's folder of frames."""
        folder = self.outpath / job_id
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def leftovers(self) -> list[Path]:
        """What lies where only frames in a folder a job may lie, now that no worker runs."""
        return [path for path in self.outpath.rglob("*") if not _may_lie_there(path.relative_to(self.outpath), path)]


class Reported(ABC):
    """What is known of the tasks of a farm by what its workers report."""

    @property
    @abstractmethod
    def bookkeeper(self) -> Bookkeeping:
        """Who hears it."""

    def wait_for(self, step: str, task: Mapping[str, Any] | None = None, *, count: int = 1) -> Report:
        """The `count`th report of this step, of this task if one is named."""

        def wanted(report: Report) -> bool:
            return report.step == step and (task is None or report.task["id"] == task["id"])

        return self.bookkeeper.wait_for(wanted, count=count, timeout=DEADLINE)[-1]

    @contextmanager
    def mid_frame(self, worker: WorkerProcess, task: Mapping[str, Any]) -> Iterator[None]:
        """Begins when the task is rendered; its frame is not done before this ends."""
        self.wait_for("start", task)
        with worker.child_stopped():
            yield

    def steps(self, task: Mapping[str, Any]) -> list[str]:
        """The steps reported of a task, in order."""
        return [report.step for report in self.reports(task)]

    def reports(self, task: Mapping[str, Any]) -> list[Report]:
        """The reports of a task, in order. One that came twice, because its confirmation was lost, counts once."""
        known = {report.properties.message_id: report for report in reversed(self.bookkeeper.reports)}
        return [report for report in reversed(known.values()) if report.task.get("id") == task["id"]]


def eventually(true: Callable[[], bool], *, timeout: float = DEADLINE) -> None:
    """Waits until it is true, for what nobody announces."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true after {timeout:g} s")
        time.sleep(0.02)


def _may_lie_there(inside: Path, path: Path) -> bool:
    if path.is_dir():
        return not path.name.startswith(".")
    if len(inside.parts) > 2:
        return not path.name.startswith(".")
    return len(inside.parts) == 2 and _FRAME.fullmatch(path.name) is not None
