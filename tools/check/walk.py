# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks over all that can be set in a Blender, by a script inside it, which tells what comes of each thing before it
goes on to the next: a Blender that doesn't survive one is started again behind it."""

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.blenders import blenders, bpy_wheel
from tools.errors import ToolError
from tools.places import PROJECT
from tools.process import end, say

VERSIONS = ("4.2", "4.3", "5.2")
STALLED = 300.0  # seconds that one thing may take
_DEATHS = 400  # of one Blender, until it is given up: each is one thing it doesn't survive


def walked(script: Path, version: str, name: str, options: Mapping[str, object], folder: Path) -> list[dict[str, Any]]:
    """All that the script has told in `folder`, where it goes on if it was there before; it gets the `options`, and of
    a file for what it tells, a folder for what it makes and the project. Raises ToolError."""
    results, scratch = folder / f"{name}.jsonl", folder / name
    scratch.mkdir(exist_ok=True)
    told = json.dumps({"project": str(PROJECT), "results": str(results), "scratch": str(scratch), **options})
    for _ in range(_DEATHS):
        say(f"Blender {name}: {len(results.read_text().splitlines()) if results.exists() else 0} lines of results")
        if _run([*_command(version, script), told], results, scratch, log=folder / f"{name}.log") == 0:
            return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    raise ToolError(f"Blender {version} does not come to an end; see {folder / name}.log.")


def _command(version: str, script: Path) -> list[str | Path]:
    if version == VERSIONS[0]:
        return [bpy_wheel.python(), script, "--"]
    options = ["-b", "--factory-startup", "-noaudio", "--python-exit-code", "1"]
    return [blenders.find(version=version), *options, "--python", script, "--"]


def _run(command: Sequence[str | Path], results: Path, folder: Path, *, log: Path) -> int:
    """Runs a Blender in a folder of its own as long as it tells something now and then; gives its exit code."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            told, since = -1, time.monotonic()
            while process.poll() is None and time.monotonic() < since + STALLED:
                time.sleep(0.5)
                size = results.stat().st_size if results.exists() else 0
                if size != told:
                    told, since = size, time.monotonic()
        finally:
            end(process)
    return process.returncode
