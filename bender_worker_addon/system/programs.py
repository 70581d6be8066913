# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are run to their end, for what they say."""

import subprocess
from collections.abc import Mapping, Sequence

from ..core.errors import WorkerError

_PATIENCE = 10.0  # seconds for one that should end at once


def why_not_run(command: Sequence[str]) -> str:
    """Runs a command that should end at once and well; why it didn't, or ""."""
    try:
        code, words = run_to_end(command, timeout=_PATIENCE)
    except WorkerError as error:
        return str(error)
    return "" if code == 0 else words.strip() or f"exit code {code}"


def run_to_end(
    command: Sequence[str], *, timeout: float, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Runs a command for at most `timeout` seconds; gives its exit code and all that it has said. Raises WorkerError if
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
