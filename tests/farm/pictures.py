# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as Blender itself makes and reads them: the measure for what a worker stored."""

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.farm.process import DEADLINE

SCRIPTS = Path(__file__).resolve().parent / "inside_blender"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`size` is width and height, None if the two differ in it; `different` counts values, four a pixel."""

    size: tuple[int, int] | None
    different: int | None


def compare(blender: Path, pairs: Iterable[tuple[Path, Path]], *, scratch: Path) -> list[Comparison]:
    """Decodes both pictures of each pair, in one Blender."""
    result = scratch / "compared.json"
    pictures = [picture for pair in pairs for picture in pair]
    run_script(blender, "compare.py", result, *pictures)
    compared = json.loads(result.read_text())
    return [Comparison(entry["size"] and tuple(entry["size"]), entry["different"]) for entry in compared]


def plainly_rendered(blender: Path, blend: Path, frames: Sequence[int], *, folder: Path) -> list[Path]:
    """Each frame rendered by a process of its own, as people do it: `blender -b FILE -F PNG -f N`."""
    for frame in frames:
        options = ["-o", str(folder / "######"), "-F", "PNG", "-x", "1", "-f", str(frame)]
        _run([blender, "-b", "--factory-startup", blend, *options])
    found = sorted(folder.iterdir())
    assert len(found) == len(frames), f"Blender rendered {found}"
    return found


def run_script(blender: Path, script: str, *arguments: Path) -> None:
    options = ["--factory-startup", "--python-exit-code", "1", "--python", str(SCRIPTS / script)]
    _run([blender, "-b", *options, "--", *arguments])


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
