# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one of this folder's scripts inside a Blender. The scripts know only Blender; this file doesn't know it."""

import json
import subprocess
from pathlib import Path

from tools.errors import ToolError

FOLDER = Path(__file__).resolve().parent


def run_script(script: str, blender: Path, *arguments: object, timeout: float) -> None:
    """Runs `script`, which gets each argument as JSON, in a Blender with factory settings.

    Raises ToolError with Blender's last words if it fails or isn't done within `timeout` seconds.
    """
    command: list[str | Path] = [blender, "--background", "--factory-startup", "--python-exit-code", "1"]
    command += ["--python", FOLDER / script, "--", *(json.dumps(argument, default=str) for argument in arguments)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{script} was not done after {timeout:g} s in {blender}.") from error
    except OSError as error:
        raise ToolError(f"{blender} does not run: {error.strerror}") from error
    if done.returncode:
        words = "\n".join(done.stdout.decode(errors="replace").splitlines()[-12:])
        raise ToolError(f"{script} failed in {blender}:\n{words}")
