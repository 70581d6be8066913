# SPDX-License-Identifier: GPL-3.0-or-later
"""ChildProcess: one `blender -b` child: its start, its messages, its death. The only Popen.

The child connects back over loopback TCP, which works alike on Linux, macOS and Windows, and proves itself with a token
that only its environment holds. In a sandbox, which has no network, it inherits its end of the connection instead. A
child whose worker is gone ends by itself: it sees the end of the connection.
"""

import logging
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

from ...core import messages
from ...core.errors import WorkerError
from ...core.messages import Command, FrameBegun, Revoked
from ...system.suspend import suspend_process
from ...system.threads import Thread
from .sandbox import environment_inside, without_secrets

log = logging.getLogger(__name__)

_CHANNEL = "BENDER_CHILD_CHANNEL"
_CONNECT = 300.0  # seconds a child may take to start
_QUIT = 10.0  # seconds a child may take to end when asked to
_LAST_WORDS, _TOLD = 4096, 500  # bytes of Blender's output kept in mind, characters of it told when a child dies
_LEISURE, _MUCH = 0.02, 16 << 10  # seconds until what it prints is looked at again, unless it was so many bytes
_LOG = 32 << 20  # bytes of Blender's output kept a log file
_SIGNALLED = 128  # a sandbox adds it to the signal that ended what ran in it


@dataclass(frozen=True, slots=True)
class Died:
    """The child's process is gone and reaped. `reason` says how, with Blender's last words."""

    child: int
    reason: str


class ChildProcess:
    """One child, from its start to its death. Methods return at once; what happens comes to `inbox`, `Died` last."""

    def __init__(
        self,
        *,
        child: int,
        command: Sequence[str],
        log_file: Path,
        temp: Path,
        inbox: SimpleQueue[Any],
        sandboxed: bool = False,
    ) -> None:
        """Starts the child with `command`. What it prints goes to `log_file`, which may be changed at any time, or to
        that of the command at hand; its temporary files go to the folder `temp`. `sandboxed`: the command is one of a
        Sandbox. Raises WorkerError if it can't be started."""
        self.child = child
        self.log_file = log_file
        self._log_files: dict[int, Path] = {}  # of commands it has not begun, by attempt
        self._inbox = inbox
        self._lock = threading.Lock()
        self._unsent: list[Mapping[str, Any]] | None = []
        self._connection: socket.socket | None = None
        self._last_words = b""
        self._token = secrets.token_hex(32)
        self._sandboxed = sandboxed
        self._suspended = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.2)
        self._ours: socket.socket | None = None
        theirs: socket.socket | None = None
        if sandboxed:
            self._ours, theirs = socket.socketpair()
        try:
            log_file.parent.mkdir(parents=True, exist_ok=True)
            temp.mkdir(parents=True, exist_ok=True)
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environment(temp, theirs),
                pass_fds=() if theirs is None else (theirs.fileno(),),
                start_new_session=True,  # Ctrl-C in the worker's terminal is the worker's to handle
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
            )
        except OSError as error:
            for end in filter(None, (self._server, self._ours)):
                end.close()
            raise WorkerError(f"Blender could not be started ({command[0]}): {error.strerror or error}") from error
        finally:
            if theirs is not None:
                theirs.close()
        self._drain = Thread(self._drain_output, name=f"bender-child-{child}-log", inbox=inbox)
        self._drain.start()
        self._reader = Thread(self._live, name=f"bender-child-{child}", inbox=inbox)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def render(self, command: Command, *, log_file: Path | None = None) -> None:
        """Gives the child its next work; it begins when what it was given before is done, and prints to `log_file` from
        then on."""
        if log_file is not None:
            self._log_files[command.attempt] = log_file
        self._send(messages.render(command))

    def revoke(self, attempt: int) -> None:
        """Takes a command back if it is not begun; then Revoked comes."""
        self._send(messages.revoke(attempt))

    def stop_after_frame(self) -> None:
        self._send(messages.STOP)

    def quit(self) -> None:
        """Lets the child end in peace, also one that is suspended; kills it if it takes longer than 10 s."""
        self._send(messages.QUIT)
        self.suspend(False)
        timer = threading.Timer(_QUIT, self.kill)
        timer.daemon = True
        timer.start()

    def kill(self) -> None:
        """Ends the child at once. It has nothing to lose: a frame counts only once it is stored."""
        self._process.kill()

    def suspend(self, suspended: bool) -> None:
        """Stops the process where it is, or lets it go on: it takes no processor time in between."""
        if suspended != self._suspended and self._process.poll() is None:
            self._suspended = suspended
            suspend_process(self._process.pid, suspended)

    def join(self, timeout: float) -> None:
        """Waits until the child is reaped and its last event is in the inbox, for at most `timeout` seconds."""
        self._reader.join(timeout)

    def _environment(self, temp: Path, inherited: socket.socket | None) -> dict[str, str]:
        """The worker's environment without its settings and other secrets, with the way back to the worker."""
        environment = without_secrets(os.environ)
        if self._sandboxed:
            environment = environment_inside(environment, home=temp)
        where = f"fd{inherited.fileno()}" if inherited is not None else str(self._server.getsockname()[1])
        channel = {_CHANNEL: f"{where}:{self._token}"}
        return environment | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temp)) | channel

    def _send(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            if self._unsent is not None:
                self._unsent.append(message)
            elif self._connection is not None:
                try:
                    self._connection.sendall(messages.encoded(message))
                except OSError:
                    log.debug("child %d does not listen any more; its death will be told", self.child)

    # The child's life, on its own thread

    def _live(self) -> None:
        trouble = self._serve() or self._await_end()
        if trouble:
            self.kill()
        code = self._process.wait()
        self._drain.join(_QUIT)
        if self._sandboxed and code > _SIGNALLED:
            code = _SIGNALLED - code
        self._inbox.put(Died(self.child, self._how_it_died(code, trouble)))

    def _serve(self) -> str:
        """Reads the child's messages until it has nothing more to say; gives what was wrong with them, or ""."""
        try:
            with self._server:
                lines = self._accept() if self._ours is None else self._listened_to(self._ours, _CONNECT)
            if lines is None:
                return "" if self._process.poll() is not None else "it did not connect in time"
            with lines:
                while line := lines.readline(messages.LONGEST):
                    message = messages.decoded(line, self.child)
                    if isinstance(message, FrameBegun | Revoked):
                        self._let_print(message)
                    self._inbox.put(message)
        except OSError as error:
            log.debug("child %d: the connection broke: %s", self.child, error)
        except messages.NO_MESSAGE:
            return "it sent what is no message"
        finally:
            with self._lock:
                if self._connection is not None:
                    self._connection.close()
                self._connection, self._unsent = None, None
        return ""

    def _let_print(self, message: FrameBegun | Revoked) -> None:
        log_file = self._log_files.pop(message.attempt, None)
        if log_file is not None and isinstance(message, FrameBegun):
            self.log_file = log_file

    def _await_end(self) -> str:
        """A child that says no more is about to end; gives what is wrong if it does not."""
        try:
            self._process.wait(_QUIT)
        except subprocess.TimeoutExpired:
            return "it hung up, but did not end"
        return ""

    def _accept(self) -> BinaryIO | None:
        """Waits for the child and for nobody else: who can't tell the token is not listened to."""
        deadline = time.monotonic() + _CONNECT
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if lines := self._listened_to(connection, _QUIT):
                return lines
        return None

    def _listened_to(self, connection: socket.socket, timeout: float) -> BinaryIO | None:
        """What comes over a connection on which the token is told within `timeout` seconds; else it is closed."""
        connection.settimeout(timeout)
        lines = connection.makefile("rb")
        if self._proves_itself(lines):
            connection.settimeout(None)
            self._greet(connection)
            return lines
        lines.close()
        connection.close()
        return None

    def _proves_itself(self, lines: BinaryIO) -> bool:
        try:
            return messages.is_hello(lines.readline(messages.LONGEST), self._token)
        except OSError:
            return False

    def _greet(self, connection: socket.socket) -> None:
        with self._lock:
            self._connection = connection
            waiting, self._unsent = self._unsent or [], None
            for message in waiting:
                connection.sendall(messages.encoded(message))

    def _drain_output(self) -> None:
        """Takes all that Blender prints, always, so that a full pipe never stops it, and logs the first of it. Not line
        by line: of a short frame it prints forty, and to wake up for each made the frame half as long again."""
        assert self._process.stdout is not None
        logging_to, left = None, 0
        with self._process.stdout as output, ExitStack() as open_log:
            while piece := os.read(output.fileno(), messages.LONGEST):
                self._last_words = (self._last_words + piece)[-_LAST_WORDS:]
                try:
                    if logging_to != self.log_file:
                        open_log.close()
                        logging_to, left = self.log_file, _LOG
                        file = open_log.enter_context(logging_to.open("ab", buffering=0))
                    if left > 0:
                        file.write(piece)
                        left -= len(piece)
                except OSError as error:
                    log.warning("what Blender prints can't be kept in %s: %s", logging_to, error.strerror)
                    left = 0
                if len(piece) < _MUCH:
                    time.sleep(_LEISURE)

    def _how_it_died(self, code: int, trouble: str) -> str:
        if trouble:
            how = trouble
        elif code < 0:
            how = f"it was ended by signal {-code} ({signal.strsignal(-code)})"
        else:
            how = f"it ended with exit code {code}"
        lines = self._last_words.decode("utf-8", "replace").splitlines()
        words = " | ".join(line.rstrip() for line in lines if line.strip())[-_TOLD:]
        return f"{how}{words and '; its last words: '}{words}"


def why_not_run(command: Sequence[str]) -> str:
    """Runs a command that should end at once and well; why it didn't, or ""."""
    try:
        code, words = run_to_end(command, timeout=_QUIT)
    except WorkerError as error:
        return str(error)
    return "" if code == 0 else words.strip() or f"exit code {code}"


def run_to_end(
    command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Runs a command for at most so many seconds; gives its exit code and all that it has said. Raises WorkerError if
    it can't be started or does not end."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WorkerError(str(error)) from error
    return done.returncode, done.stdout.decode("utf-8", "replace")
