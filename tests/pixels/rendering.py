# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering: frames of small blends, each by a fresh Blender and by a farm, compared pixel by pixel."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.farm import pictures
from tests.farm.farmyard import Farm
from tests.farm.process import DEADLINE, WorkerProcess
from tools.check import raw_pixels
from tools.servers.farm import make_task

SCRIPT = Path(__file__).resolve().parent / "inside_blender" / "cases.py"
EXTENSIONS = {"PNG": "png", "OPEN_EXR": "exr", "JPEG2000": "jp2"}


@dataclass(frozen=True, slots=True)
class Case:
    """`frames` in the order in which a worker gets them."""

    frames: Sequence[int]
    image_format: str = "PNG"


def made_by(blender: Path, folder: Path) -> dict[str, Path]:
    """Has `blender` make the cases in `folder`; gives them by name."""
    _run([blender, "-b", "--factory-startup", "--python-exit-code", "1", "--python", SCRIPT, "--", folder])
    return {path.parent.name: path for path in folder.glob("*/*.blend")}


def plainly(blender: Path, blend: Path, frame: int, *, folder: Path) -> Path:
    """The frame as `blender -b FILE -f N` renders it, whatever it calls the file."""
    folder.mkdir(parents=True)
    _run([blender, "-b", "--factory-startup", blend, "-o", folder / "######", "-f", str(frame)])
    (written,) = folder.iterdir()
    return written


@contextmanager
def by_farm(farm: Farm, blends: Mapping[str, Path], cases: Mapping[str, Case]) -> Iterator[WorkerProcess]:
    """Has one worker render all frames of all cases, each a job of its name, until this ends. Its blends come over
    HTTP: what lies where they were saved is not theirs."""
    farm.declare_work()
    for name, case in cases.items():
        farm.server.add(name, blends[name].read_bytes())
        farm.publish(*(make_task(name, [frame], image_format=case.image_format) for frame in case.frames))
    worker = farm.worker("--idle-exit", "3")
    yield worker
    worker.wait(600)


def differences(blender: Path, pairs: Mapping[str, tuple[Path, Path]], *, scratch: Path) -> dict[str, str]:
    """What differs in each pair of pictures that are not the same, in words."""
    found = {
        name: "the channels differ"
        for name, (one, other) in pairs.items()
        if one.suffix == ".exr" and raw_pixels.pixels(one) != raw_pixels.pixels(other)
    }
    others = {name: pair for name, pair in pairs.items() if pair[0].suffix != ".exr"}
    for name, compared in zip(others, pictures.compare(blender, others.values(), scratch=scratch), strict=True):
        if compared.size is None:
            found[name] = "they are not of one size"
        elif compared.different != 0:
            found[name] = f"{compared.different} values differ"
    return found


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")
