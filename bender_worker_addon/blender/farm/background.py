# SPDX-License-Identifier: GPL-3.0-or-later
"""Background: a Blender without a window that does what takes its time, started before it is known what. No bpy."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from ...core.errors import WorkerError
from ..beside import Beside
from ..progress_bar import Progress, progress_in

_DETACHED = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)
_QUIT = 10.0  # seconds in which one that is not needed has ended


class Background:
    """Started at once, beside whoever makes it; then told what to do by `to_end`, or let go."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._starting = Beside("bender-background", self._start)

    def to_end(
        self, words: Sequence[str], *, timeout: float, told: Callable[[Progress], None]
    ) -> tuple[int, list[str]]:
        """Tells it `words`, as a line of JSON, and waits for at most so many seconds; gives its exit code and the lines
        it has said, without those of how far it is: `told` is called with these, on the thread of who waits. Raises
        WorkerError if it can't be started or does not end."""
        self._starting.wait()
        process = self._starting.result()
        late = threading.Timer(timeout, process.kill)
        late.daemon = True
        late.start()
        with process:
            _say(process, words)
            lines = list(_heard(process, told))
        if late.finished.is_set():
            raise WorkerError(f"it was not done after {timeout:g} s")
        late.cancel()
        return process.returncode, lines

    def let_go(self) -> None:
        """Ends it; it has been told nothing. Returns at once."""
        Beside("bender-background", self._end)

    def _start(self) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(self._environment),
            )
        except OSError as error:
            raise WorkerError(str(error)) from error

    def _end(self) -> None:
        """It ends by itself when nothing can come any more."""
        self._starting.wait()
        with suppress(WorkerError):
            process = self._starting.result()
            try:
                process.communicate(timeout=_QUIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def start_detached(command: Sequence[str], words: Sequence[str], *, environment: Mapping[str, str]) -> None:
    """Starts one that outlives this process, and tells it `words`. Raises OSError if it can't be started."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(environment),
        start_new_session=True,
        creationflags=_DETACHED,
    )
    _say(process, words)


def _say(process: "subprocess.Popen[bytes]", words: Sequence[str]) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # one that has died meanwhile has said why
        process.stdin.write(json.dumps(list(words)).encode() + b"\n")
    with suppress(OSError):
        process.stdin.close()


def _heard(process: "subprocess.Popen[bytes]", told: Callable[[Progress], None]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        text = line.decode("utf-8", "replace")
        if (progress := progress_in(text)) is not None:
            told(progress)
        else:
            yield text
