# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless worker as a process: its log as it comes, its exit code, its children. Knows nothing of a farm."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.process import inheriting

DEADLINE = 120.0  # seconds in which what must happen has happened, on a busy machine too
_MARK = "FARM_TEST_MARK"  # in the environment of a worker, inherited by all it starts


class WorkerProcess:
    """Runs from its making to `end`; all that it prints is its `log`."""

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str]) -> None:
        self._mark = f"{_MARK}={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**env, name: value},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="worker's log")
        self._reader.start()

    @property
    def log(self) -> str:
        with self._news:
            return "".join(self._lines)

    def wait_for_line(self, pattern: str, *, count: int = 1, timeout: float = DEADLINE) -> re.Match[str]:
        """The `count`th line of the log in which `pattern` is found, as soon as it is there."""
        found: list[re.Match[str]] = []

        def enough() -> bool:
            found[:] = [match for line in self._lines if (match := re.search(pattern, line))]
            return len(found) >= count

        with self._news:
            if not self._news.wait_for(enough, timeout):
                raise TimeoutError(f"no line {count} with {pattern!r} after {timeout:g} s in:\n{''.join(self._lines)}")
            return found[count - 1]

    def child(self, number: int = 1) -> int:
        """The process id of the render child that was started as the `number`th; the worker must be verbose."""
        return int(self.wait_for_line(r"child \d+ is process (\d+)", count=number)[1])

    @contextmanager
    def child_stopped(self, number: int = 1) -> Iterator[None]:
        """While it lasts the render child does nothing, so that its frame can't be done however slow the machine is.
        The worker may end it meanwhile."""
        child = self.child(number)
        os.kill(child, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal; SIGINT goes to all processes of its group, as Ctrl-C in a terminal does."""
        if number == signal.SIGINT:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)

    def wait(self, timeout: float = DEADLINE) -> int:
        """Its exit code, once it has ended."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"the worker did not end within {timeout:g} s:\n{self.log}") from error
        self._reader.join(timeout)
        return code

    def living(self) -> list[int]:
        """The processes of this worker that are there: itself and all that it started."""
        return list(inheriting(self._mark))

    @property
    def pid(self) -> int:
        return self._process.pid

    def children(self) -> list[int]:
        """Those that it has started, and that are there."""
        return [process for process in self.living() if process != self._process.pid]

    def wait_until_none_lives(self, timeout: float = DEADLINE) -> None:
        deadline = time.monotonic() + timeout
        while left := self.living():
            if time.monotonic() > deadline:
                raise TimeoutError(f"processes {left} are left of the worker after {timeout:g} s:\n{self.log}")
            time.sleep(0.02)

    def end(self) -> None:
        """Kills what is left of it."""
        self._process.kill()
        for process in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                with self._news:
                    self._lines.append(line.decode("utf-8", "replace"))
                    self._news.notify_all()
