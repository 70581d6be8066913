# SPDX-License-Identifier: GPL-3.0-or-later
"""ChildProcess: one `blender -b` child: its start, its messages, its death.

A child whose worker is gone ends by itself: it sees the end of the connection.
"""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ...core import messages
from ...core.errors import WorkerError
from ...core.messages import Command, FrameBegun, FrameWritten, RenderFailed, Revoked
from ...system.pipes import wide_pipe
from ...system.sandbox import environment_inside, without_secrets
from ...system.suspend import suspend_process
from ...system.tether import Tether
from ...system.threads import Thread
from .channel import Channel
from .output import Output

log = logging.getLogger(__name__)

_QUIT = 10.0  # seconds a child may take to end when asked to
_SIGNALLED = 128  # a sandbox adds it to the signal that ended what ran in it

_tether = Tether()  # of all children of this process


@dataclass(frozen=True, slots=True)
class Died:
    """The child's process is gone and reaped, or there never was one: then it is not `started`. `reason` is a sentence,
    with Blender's last words."""

    child: int
    reason: str
    started: bool = True


class ChildProcess:
    """One child, from its start to its death. Methods return at once, whatever disk its files are on, and may be called
    before it is there; what happens comes to `inbox`, `Died` last."""

    def __init__(
        self,
        *,
        child: int,
        prepare: Callable[[], Sequence[str]],
        log_file: Path,
        temp: Path,
        inbox: SimpleQueue[Any],
        sandboxed: bool = False,
    ) -> None:
        """`prepare` makes what the child needs and gives the command that starts it; it runs on the child's own thread
        and may raise OSError or WorkerError. What the child prints goes to `log_file`, or to that of the command at
        hand; its temporary files go to the folder `temp`. `sandboxed`: the command is one of a Sandbox."""
        self.child = child
        self.output = Output(log_file)
        self._prepare = prepare
        self._temp = temp
        self._inbox = inbox
        self._sandboxed = sandboxed
        self._channel = Channel(inherited=sandboxed)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_to_die = False
        self._suspended = False
        self._thread = Thread(self._live, name=f"bender-child-{child}", inbox=inbox)
        self._thread.start()

    @property
    def pid(self) -> int:
        """0 before it is started."""
        return 0 if self._process is None else self._process.pid

    def render(self, command: Command, *, log_file: Path | None = None) -> None:
        """Gives the child its next work; it begins when what it was given before is done, and prints to `log_file` from
        then on."""
        if log_file is not None:
            self.output.expect(command.attempt, log_file)
        self._channel.send(messages.render(command))

    def revoke(self, attempt: int) -> None:
        """Takes a command back if it is not begun; then Revoked comes."""
        self._channel.send(messages.revoke(attempt))

    def stop_after_frame(self) -> None:
        self._channel.send(messages.STOP)

    def quit(self, *, patience: float | None = _QUIT) -> None:
        """Lets the child end in peace, also one that is suspended; kills it if it takes longer than so many seconds."""
        self._channel.send(messages.QUIT)
        self.suspend(False)
        if patience is None:
            return
        timer = threading.Timer(patience, self.kill)
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """Ends the child at once. It has nothing to lose: a frame counts only once it is stored."""
        with self._lock:
            self._is_to_die = True
            if self._process is not None:
                self._process.kill()

    def suspend(self, suspended: bool) -> None:
        """Stops the process where it is, or lets it go on: it takes no processor time in between."""
        with self._lock:
            if suspended != self._suspended:
                self._suspended = suspended
                if self._process is not None and self._process.poll() is None:
                    suspend_process(self._process.pid, suspended)

    def join(self, timeout: float) -> None:
        """Waits until the child is reaped and its last event is in the inbox, for at most `timeout` seconds."""
        self._thread.join(timeout)

    # The child's life, on its own thread. It lasts as long as the child does: Linux ends a child with the thread that
    # started it, see `render_child/system.py`.

    def _live(self) -> None:
        try:
            process, printed = self._start()
        except (OSError, WorkerError) as error:
            self._channel.close()
            self._inbox.put(Died(self.child, f"Blender could not be started: {_in_words(error)}", started=False))
            return
        take_output = partial(self.output.drain, os.fdopen(printed, "rb", buffering=0))
        drain = Thread(take_output, name=f"bender-child-{self.child}-log", inbox=self._inbox)
        drain.start()
        trouble = self._listen(process) or self._await_end(process)
        if trouble:
            self.kill()
        code = process.wait()
        drain.join(_QUIT)
        if self._sandboxed and code > _SIGNALLED:
            code = _SIGNALLED - code
        self._inbox.put(Died(self.child, self._how_it_died(code, trouble)))

    def _start(self) -> tuple["subprocess.Popen[bytes]", int]:
        """The process, and the file descriptor by which all that it prints is to be read."""
        command = self._prepare()
        self._temp.mkdir(parents=True, exist_ok=True)
        channel = self._channel.open()
        printed, printing = wide_pipe()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printing,
                stderr=subprocess.STDOUT,
                env=self._environment() | channel,
                pass_fds=self._channel.to_inherit,
                process_group=0,  # Ctrl-C in the worker's terminal is the worker's to handle
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
            )
        except OSError as error:
            os.close(printed)
            error.filename = error.filename or command[0]  # Windows does not say which
            raise
        finally:
            os.close(printing)
        _tether.tie(process.pid)
        log.debug("child %d is process %d", self.child, process.pid)
        with self._lock:
            self._process = process
            if self._is_to_die:
                process.kill()
            elif self._suspended:
                suspend_process(process.pid, True)
        return process, printed

    def _environment(self) -> dict[str, str]:
        """The worker's environment without its settings and other secrets."""
        environment = without_secrets(os.environ)
        if self._sandboxed:
            environment = environment_inside(environment, home=self._temp)
        return environment | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self._temp))

    def _listen(self, process: "subprocess.Popen[bytes]") -> str:
        """Hears the child until it has nothing more to say; gives what was wrong with that, or ""."""
        try:
            lines = self._channel.lines(is_alive=lambda: process.poll() is None)
            if lines is None:
                return "" if process.poll() is not None else "it did not connect in time"
            with lines:
                while line := lines.readline(messages.LONGEST):
                    message = messages.decoded(line, self.child)
                    match message:
                        case FrameBegun():
                            self.output.begun(message.attempt)
                        case Revoked():
                            self.output.revoked(message.attempt)
                        case FrameWritten(attempt=attempt, frame=frame):
                            message = replace(message, warnings=self.output.warnings_of(attempt, frame))
                        case RenderFailed():
                            self.output.catch_up(f"frame {message.frame} failed: ")
                    self._inbox.put(message)
        except OSError as error:
            log.debug("child %d: the connection broke: %s", self.child, error)
        except messages.NO_MESSAGE:
            return "it sent what is no message"
        finally:
            self._channel.close()
        return ""

    def _await_end(self, process: "subprocess.Popen[bytes]") -> str:
        """A child that says no more is about to end; gives what is wrong if it does not."""
        try:
            process.wait(_QUIT)
        except subprocess.TimeoutExpired:
            return "it hung up, but did not end"
        return ""

    def _how_it_died(self, code: int, trouble: str) -> str:
        if trouble:
            how = trouble
        elif code < 0:
            how = f"it was ended by signal {-code} ({signal.strsignal(-code)})"
        else:
            how = f"it ended with exit code {code}"
        words = self.output.last_words()
        return f"Blender died: {how}{words and '; its last words: '}{words}"


def _in_words(error: OSError | WorkerError) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
