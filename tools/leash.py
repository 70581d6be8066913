# SPDX-License-Identifier: GPL-3.0-or-later
"""A program on a leash: it and all its children die with us, even if we are killed. POSIX; standard library only.

The leash is a process of its own (this file, run as a script) that holds one end of a pipe. When the other
end closes, because we close it or because we are gone, it kills the program's process group.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE = 15.0


class Leashed:
    """The near end: start, look, end, kill."""

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._leash = subprocess.Popen(
                [sys.executable, "-I", __file__, *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
            )

    def ended(self) -> bool:
        return self._leash.poll() is not None

    def end(self) -> None:
        """SIGTERM to the program, a bounded wait, then kill what is left."""
        self._leash.terminate()
        try:
            self._leash.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            self._let_go()

    def kill(self) -> None:
        """SIGKILL for the program and all its children, at once."""
        self._let_go()
        self._leash.wait(timeout=GRACE)

    def _let_go(self) -> None:
        assert self._leash.stdin is not None
        self._leash.stdin.close()


def _hold(command: Sequence[str]) -> int:
    """The far end: run the program; kill its group when the pipe closes or the program has ended."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    threading.Thread(target=_kill_when_let_go, args=(program.pid,), daemon=True).start()
    code = program.wait()
    _kill_group(program.pid)
    return code


def _kill_when_let_go(group: int) -> None:
    os.read(sys.stdin.fileno(), 1)  # not through sys.stdin: Python aborts if that is being read when it ends
    _kill_group(group)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of it has ended by itself


if __name__ == "__main__":
    sys.exit(_hold(sys.argv[1:]))
