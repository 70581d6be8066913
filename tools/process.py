# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that the tools start: each has a deadline, and none outlives us. Knows nothing of what they do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.errors import ToolError

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
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,  # so that it can be ended with all its children
        )
        try:
            while (code := _wait(process, PROGRESS_EVERY)) is None:
                elapsed = time.monotonic() - started
                say(f"  {doing}: {elapsed:.0f} s · {last_lines(log, 1)[:90]}")
                if elapsed > timeout:
                    raise ToolError(f"{doing} was not done after {timeout:.0f} s. Its log: {log}")
        finally:
            _end_group(process)
    if code:
        raise ToolError(f"{doing} failed (exit code {code}). The end of its log, {log}:\n{last_lines(log, 15)}")


def run_shown(command: Sequence[str | Path], *, timeout: float, env: Mapping[str, str] | None = None) -> int:
    """Run a command that shows its own words, and give its exit code; 124 if it had to be ended after `timeout`."""
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, env=env)
    try:
        code = _wait(process, timeout)
    except KeyboardInterrupt:
        _wait(process, GRACE)  # it got the Ctrl-C too, and cleans up
        raise
    finally:
        end(process)
    if code is None:
        say(f"Ended after {timeout:.0f} s: {command[0]}")
        return 124
    return code


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate, wait a bounded time, kill, reap. Does nothing to a process that has ended."""
    if process.poll() is None:
        process.terminate()
        if _wait(process, GRACE) is None:
            process.kill()
            process.wait()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix" and process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        if _wait(process, GRACE) is None:
            os.killpg(process.pid, signal.SIGKILL)
    end(process)


def last_lines(file: Path, count: int) -> str:
    """The last lines of a text file that say anything."""
    lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-count:])


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
