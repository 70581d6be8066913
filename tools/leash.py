# SPDX-License-Identifier: GPL-3.0-or-later
"""A program on a leash: it and all its children die with us, even if we are killed. Standard library only.

The leash is a process of its own (this file, run as a script) that reads from a pipe: each byte is the number of a
signal for the program. When the other end closes, because we close it or because we are gone, it kills the program's
process group, and with `orphans` also what has left that group.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

GRACE = 15.0
NOT_FOUND = 127  # exit code, as a shell's
_PR_SET_CHILD_SUBREAPER = 36


class Leashed:
    """The near end: start, look, wait, end, kill."""

    def __init__(
        self, command: Sequence[str | Path], *, env: Mapping[str, str], log: Path | None, orphans: bool = False
    ) -> None:
        """`log`: the file to whose end the program's words go; without one they go where ours do.

        `orphans`: on Linux nothing at all that the program has started outlives it, not even what made a session of
        its own. Without it that is left alone when the program ends, so that one can see whether it ends by itself.
        """
        options = ["--orphans"] if orphans else []
        with log.open("ab") if log else nullcontext() as output:
            self._leash = subprocess.Popen(
                [sys.executable, "-I", __file__, *options, "--", *map(str, command)],
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=output,
                stderr=subprocess.STDOUT if log else None,
                env=env,
                start_new_session=True,
            )

    @property
    def program(self) -> int:
        """The program's process, where the system is Linux."""
        pid = self._leash.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])

    def ended(self) -> bool:
        return self._leash.poll() is not None

    def wait(self, timeout: float) -> int | None:
        """The program's exit code, 128 and more for a signal; None if it has not ended within so many seconds."""
        try:
            return self._leash.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def end(self, *, by: signal.Signals = signal.SIGTERM) -> None:
        """A signal to the program, a bounded wait, then kill what is left. Nothing, if that was done before."""
        assert self._leash.stdin is not None
        if self._leash.stdin.closed:
            return
        with suppress(BrokenPipeError):  # it has just ended
            self._leash.stdin.write(bytes([by]))
        self.wait(GRACE)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for the program and all its children, at once."""
        assert self._leash.stdin is not None
        self._leash.stdin.close()
        self._leash.wait(timeout=GRACE)


def _hold(command: Sequence[str], *, orphans: bool) -> int:
    """The far end: run the program until it ends or the pipe closes, and kill what is left of it."""
    if orphans and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans come to us, not to the machine's first process
    for name in {"SIGINT", "SIGHUP"} & set(dir(signal)):  # a shell's background and nohup have them ignored
        signal.signal(getattr(signal, name), signal.SIG_DFL)  # and the program inherits that
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(error, file=sys.stderr)
        return NOT_FOUND
    threading.Thread(target=_obey, args=(program.pid,), daemon=True).start()
    code = _reap_until(program)
    _kill_group(program.pid)
    if orphans and sys.platform == "linux":
        _kill_children()
    return code if code >= 0 else 128 - code


def _obey(program: int) -> None:
    commands = sys.stdin.fileno()  # sys.stdin itself must not be being read when Python ends: it aborts
    while (number := os.read(commands, 1)) and os.name == "posix":  # Windows has no signals: there any of them kills
        with suppress(ProcessLookupError):
            os.kill(program, number[0])
    _kill_group(program)


def _reap_until(program: subprocess.Popen[bytes]) -> int:
    """Waits until the program has ended and gives its exit code; orphans that end meanwhile are buried too."""
    while os.name == "posix":
        process, status = os.wait()
        if process == program.pid:
            return os.waitstatus_to_exitcode(status)
    return program.wait()


def _kill_children() -> None:
    """Kills our children, then theirs, which have become ours, until there is none."""
    deadline = time.monotonic() + GRACE / 2
    while (children := list(_children())) and time.monotonic() < deadline:
        for child in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _children() -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                yield int(folder.name)


def _kill_group(group: int) -> None:
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(group)], capture_output=True)
        return
    with suppress(ProcessLookupError):  # all of it has ended by itself
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    options, command = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    sys.exit(_hold(command, orphans=bool(options)))
