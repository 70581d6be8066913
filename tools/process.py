# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that the tools start: each has a deadline, and none outlives us. Knows nothing of what they do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tools.errors import ToolError
from tools.leash import Leashed

PROGRESS_EVERY = 5.0
GRACE = 10.0


def say(text: str) -> None:
    """Progress and notes go to stderr, so that stdout is left to results."""
    print(text, file=sys.stderr, flush=True)


def run_logged(
    command: Sequence[str | Path],
    *,
    doing: str,
    log: Path,
    timeout: float,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a long command, its words in `log`, a line of progress every few seconds.

    Raises ToolError with the log's last lines if it fails or is not done within `timeout` seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    started = time.monotonic()
    process = Leashed(command, env=os.environ if env is None else env, log=log, orphans=True)
    try:
        while (code := process.wait(PROGRESS_EVERY)) is None:
            elapsed = time.monotonic() - started
            say(f"  {doing}: {elapsed:.0f} s · {last_lines(log, 1)[:90]}")
            if elapsed > timeout:
                raise ToolError(f"{doing} was not done after {timeout:.0f} s. Its log: {log}")
    finally:
        process.end()
    if code:
        raise ToolError(f"{doing} failed (exit code {code}). The end of its log, {log}:\n{last_lines(log, 15)}")


def run_shown(command: Sequence[str | Path], *, timeout: float, env: Mapping[str, str] | None = None) -> int:
    """Run a command that shows its own words, and give its exit code; 124 if it had to be ended after `timeout`.

    It is interrupted as by Ctrl-C, also when we are, and has a bounded time to clean up.
    """
    process = Leashed(command, env=os.environ if env is None else env, log=None, orphans=True)
    try:
        code = process.wait(timeout)
    finally:
        process.end(by=signal.SIGINT)
    if code is None:
        say(f"Ended after {timeout:.0f} s: {command[0]}")
        return 124
    return code


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate, wait a bounded time, kill, reap. Does nothing to a process that has ended."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def inheriting(mark: str) -> dict[int, str]:
    """The processes of this machine that have `mark`, a NAME=VALUE, in their environment, and their command lines.

    Whatever a program with such a mark starts has it too, however it was started. Empty where there is no /proc.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or is another user's
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def last_lines(file: Path, count: int) -> str:
    """The last lines of a text file that say anything."""
    lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-count:])
