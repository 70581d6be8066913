# SPDX-License-Identifier: GPL-3.0-or-later
"""Dispatcher: which child renders which task. It keeps one child, with one job's blend open, as long as it serves.

A child is given its next task before the present one is done, so that it never waits; it is replaced when the job
changes, after any failure, and after each task where it must not be kept.
"""

import contextlib
import itertools
import logging
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .errors import WorkerError
from .frames import leads_away
from .held import Held, Stage
from .messages import Order
from .renderer import Renderer
from .sandbox import Sandbox
from .task_logs import TaskLogs

log = logging.getLogger(__name__)

_AHEAD = 2  # orders a child holds: the one it renders and the next
_PRUNE_EVERY = 50


@dataclass(slots=True)
class _Child:
    renderer: Renderer
    job_id: str
    folder: Path
    keep: bool
    loaded: bool = False
    given: dict[int, tuple[Held, Order]] = field(default_factory=dict)
    begun: int | None = None

    @property
    def room(self) -> bool:
        """Until its blend is open nobody knows whether the child may be kept for a second task."""
        return len(self.given) < (_AHEAD if self.keep and self.loaded else 1)


class Dispatcher:
    """`command` starts a child, in the `sandbox` if there is one; `scratch` is the folder for frames in the making, on
    the disk of the finished ones; `later(work)` runs work beside the worker's thread, after all frames handed over so
    far are stored."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        sandbox: Sandbox | None,
        scratch: Path,
        logs: TaskLogs,
        keep_children: bool,
        inbox: SimpleQueue[Any],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._command = command
        self._sandbox = sandbox
        self._scratch = scratch / secrets.token_hex(4)
        self._logs = logs
        self._keep_children = keep_children
        self._inbox = inbox
        self._later = later
        self._numbers = itertools.count(1)
        self._child: _Child | None = None
        self._leaving: dict[int, _Child] = {}
        self._later(self._remove_leftovers)
        self._later(self._logs.prune)

    @property
    def busy(self) -> bool:
        return self._child is not None and bool(self._child.given)

    def feed(self, ready: Iterable[Held], blend_of: Callable[[str], Path]) -> None:
        """Gives tasks, oldest first, to the child as far as it has room. Raises WorkerError if none can be started."""
        for held in ready:
            job_id = held.task.job_id
            if self._child is not None and not self._serves(self._child, job_id):
                if self._child.given:
                    return
                self._dismiss()
            if self._child is None:
                self._child = self._new_child(held, blend_of(job_id))
            if not self._child.room:
                return
            self._give(self._child, held, blend_of(job_id))

    def is_current(self, child: int) -> bool:
        return self._child is not None and self._child.renderer.child == child

    def loaded(self, *, keep: bool) -> None:
        assert self._child is not None
        self._child.loaded = True
        self._child.keep = self._child.keep and keep

    def began(self, run: int) -> Held | None:
        """The task whose order the child began just now; None if there is none or it was known to be begun."""
        assert self._child is not None
        if run == self._child.begun or run not in self._child.given:
            return None
        self._child.begun = run
        held, _ = self._child.given[run]
        self._child.renderer.log_file = self._log_file(held)
        return held

    def written(self, run: int, frame: int) -> tuple[Held, Path] | None:
        """Whose a written frame is and where it lies. After its last frame the order is no longer the child's."""
        assert self._child is not None
        if run not in self._child.given:
            return None
        held, order = self._child.given[run]
        if frame == order.frames[-1]:
            del self._child.given[run]
            held.stage = Stage.STORING
        return held, order.file(frame)

    def end_child(self, at: int | None = None) -> tuple[Held | None, list[Held]]:
        """Ends the child, if there is one and it has not ended by itself, because of run `at` or whatever run it is at.
        Gives the task of that run, if any, and the others it held, which are not to blame."""
        if self._child is None:
            return None, []
        given = self._child.given
        if at is None:
            at = self._child.begun if self._child.begun in given else next(iter(given), None)
        culprit = given.pop(at)[0] if at in given else None
        others = [held for held, _ in given.values()]
        self._child.renderer.kill()
        self._leave()
        return culprit, others

    def bury(self, child: int) -> None:
        """Clears up after a child that has died."""
        gone = self._leaving.pop(child)
        self._later(lambda: shutil.rmtree(gone.folder, ignore_errors=True))

    def suspend(self, suspended: bool) -> None:
        if self._child is not None:
            self._child.renderer.suspend(suspended)

    def stop_after_frame(self) -> None:
        if self._child is not None:
            self._child.renderer.stop_after_frame()

    def close(self, *, timeout: float) -> None:
        """Kills what still lives and waits until it is reaped."""
        if self._child is not None:
            self._leave()
        for child in self._leaving.values():
            child.renderer.kill()
        for child in self._leaving.values():
            child.renderer.join(timeout)
            shutil.rmtree(child.folder, ignore_errors=True)
        shutil.rmtree(self._scratch, ignore_errors=True)
        with contextlib.suppress(OSError):  # another worker's scratch is beside this one
            self._scratch.parent.rmdir()
            self._scratch.parent.parent.rmdir()

    def _serves(self, child: _Child, job_id: str) -> bool:
        return child.job_id == job_id and (child.keep or child.begun is None)

    def _new_child(self, first: Held, blend: Path) -> _Child:
        number = next(self._numbers)
        folder = self._own_folder(number)
        sandbox = self._sandbox
        renderer = Renderer(
            child=number,
            command=self._command if sandbox is None else sandbox.command(self._command, folder=folder, blend=blend),
            sandboxed=sandbox is not None,
            log_file=self._log_file(first),
            temp=folder / "temp",
            inbox=self._inbox,
        )
        log.debug("child %d is process %d", number, renderer.pid)
        return _Child(renderer, first.task.job_id, folder, keep=self._keep_children)

    def _own_folder(self, child: int) -> Path:
        """Makes a folder that is the child's alone. Raises WorkerError if it can't be made."""
        folder = self._scratch / str(child)
        if link := self._link():
            raise WorkerError(f"{link} leads to another folder, where no frame is rendered; remove it")
        try:
            self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise WorkerError(f"the folder {folder} can't be made: {error.strerror}") from error
        return folder

    def _link(self) -> Path | None:
        """What in the place of the scratch folders leads elsewhere: whoever may write in `outpath` can put it there."""
        return next(filter(leads_away, (self._scratch.parent.parent, self._scratch.parent)), None)

    def _log_file(self, held: Held) -> Path:
        return self._logs.path(held.task.id)

    def _remove_leftovers(self) -> None:
        """What a killed worker of this id has left behind."""
        if self._link():
            return
        for folder in self._scratch.parent.glob("*"):
            if folder != self._scratch:
                shutil.rmtree(folder, ignore_errors=True)

    def _give(self, child: _Child, held: Held, blend: Path) -> None:
        run = next(self._numbers)
        order = Order(run, blend, held.missing, held.task.image_format, child.folder / str(run))
        child.given[run] = (held, order)
        held.stage = Stage.GIVEN
        if run % _PRUNE_EVERY == 0:
            self._later(self._logs.prune)
        child.renderer.render(order)

    def _dismiss(self) -> None:
        assert self._child is not None
        self._child.renderer.quit()
        self._leave()

    def _leave(self) -> None:
        assert self._child is not None
        self._leaving[self._child.renderer.child] = self._child
        self._child = None
