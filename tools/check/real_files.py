# SPDX-License-Identifier: GPL-3.0-or-later
"""`build.py pixels --files FOLDER`: some frames of every blend below a folder, each by a fresh Blender and by a farm
that can't see the folder, compared pixel by pixel.

A frame that differs is rendered by two more fresh Blenders, which may differ from each other too. The blends are
rendered small, and by Cycles where their engine wants a graphics card: from a copy beside each, which is removed again.
"""

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tools.blenders import blenders
from tools.build import package
from tools.check import raw_pixels
from tools.errors import ToolError
from tools.process import say

LOWERED = Path(__file__).resolve().parent / "inside_blender" / "lowered.py"
MARK = ".small-copy.blend"
PATIENCE = 240.0  # seconds for a frame, or for opening and sending a blend
WORK = 6 * 3600.0  # seconds for all that a worker has to do
FLOOD = 10  # lines
AGAIN = 2


@dataclass(slots=True)
class Told:
    """What came of one blend. `frames`: "same", "differs", "blender" where fresh ones differ from each other, "lost"
    where only the farm has none, "none" where a fresh Blender gives none either."""

    blend: str
    engine: str = ""
    frames: dict[int, str] = field(default_factory=dict)
    concerns: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    left_out: str = ""


def run(folder: Path, *, version: str | None, results: Path | None) -> int:
    """Gives 1 if a frame was lost, or other than each fresh Blender's."""
    folder = folder.resolve()
    blends = sorted(path for path in folder.rglob("*.blend") if not path.name.endswith(MARK))
    found = []
    for each in [version] if version else ["4.3", "5.2"]:
        with tempfile.TemporaryDirectory(prefix="bender-worker-files-") as temporary:
            yard = _Yard(each, Path(temporary))
            found += [(each, told) for told in _tried(yard, folder, blends)]
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"version": each} | _as_json(told)) for each, told in found]
        (results / "files.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    counted = Counter(result for _, told in found for result in told.frames.values())
    for each, told in found:
        if told.left_out or set(told.frames.values()) - {"same"} or told.failures or len(told.concerns) > FLOOD:
            print(each, json.dumps(_as_json(told), ensure_ascii=False))
    print(f"{len(found)} blends, {counted.total()} frames: {dict(counted.most_common())}")
    return int(bool(counted["differs"] or counted["lost"]))


def _as_json(told: Told) -> dict[str, Any]:
    return {name: getattr(told, name) for name in Told.__slots__}


class Renders(Protocol):
    """Gives the pixels of all files that were made of a frame, by their names."""

    def fresh(self, blend: Path, frame: int, name: str, /) -> dict[str, bytes]:
        """A Blender of its own makes them now; `name` is that of its folder."""

    def farmed(self, job: str, frame: int, /) -> dict[str, bytes]: ...


class _Yard:
    """A Blender that has the add-on, and a farm of its own."""

    def __init__(self, version: str, folder: Path) -> None:
        self.blender, self.folder = blenders.find(version=version), folder
        archive = package.build(self.blender, folder=folder / "dist")
        self._env = package.install(self.blender, archive, folder / "user")
        self._env |= {"BENDER_WORKER_DATA_DIR": str(folder / "data"), "BENDER_WORKER_OUTPATH": str(folder / "frames")}

    def command(self, *words: str | Path, timeout: float = PATIENCE) -> dict[str, Any]:
        """What a command says in JSON. Raises ToolError."""
        command: list[str | Path] = [self.blender, "--command", "bender_worker", *words]
        done = _run(command, env=self._env, timeout=timeout)
        line = next((line for line in done.splitlines() if line.startswith("{")), "")
        if not line:
            raise ToolError(done.strip()[-400:] or "it said nothing")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def work(self) -> None:
        _run([self.blender, "--command", "bender_worker", "run", "--idle-exit", "3"], env=self._env, timeout=WORK)

    def fresh(self, blend: Path, frame: int, name: str) -> dict[str, bytes]:
        folder = self.folder / "fresh" / name
        folder.mkdir(parents=True)
        _run([self.blender, "-b", "--factory-startup", blend, "-o", folder / "######", "-x", "1", "-f", str(frame)])
        return _pixels(folder.glob(f"{frame:06}*"))

    def farmed(self, job: str, frame: int) -> dict[str, bytes]:
        return _pixels((self.folder / "frames" / job).glob(f"{frame:06}*"))


def _tried(yard: _Yard, folder: Path, blends: Sequence[Path]) -> Iterator[Told]:
    jobs: dict[str, tuple[Path, Told]] = {}
    with _copies() as made:
        for number, blend in enumerate(blends, 1):
            say(f"{number} of {len(blends)}: {blend.relative_to(folder)}")
            told = Told(str(blend.relative_to(folder)))
            copy = blend.with_name(f"{blend.stem}{MARK}")
            made.append(copy)
            try:
                told.engine, frames = _lowered(yard, blend, copy)
                told.frames = dict.fromkeys(frames, "none")
                words = ["--job", f"f{number}", "--frames", ",".join(map(str, frames)), "--json", "--anyway"]
                answer = yard.command("submit", copy, *words)
                told.concerns = [f"{'hopeless: ' * one['hopeless']}{one['words']}" for one in answer["concerns"]]
                jobs[f"f{number}"] = copy, told
            except (ToolError, subprocess.TimeoutExpired) as error:
                told.left_out = str(error)
                yield told
        hidden = folder.with_name(f"{folder.name}.away")
        folder.rename(hidden)
        try:
            yard.work()
        finally:
            hidden.rename(folder)
        for job, (copy, told) in jobs.items():
            say(f"compared with fresh Blenders: {told.blend}")
            _compare(yard, job, copy, told)
            yield told


@contextmanager
def _copies() -> Iterator[list[Path]]:
    made: list[Path] = []
    try:
        yield made
    finally:
        for copy in made:
            copy.unlink(missing_ok=True)


def _lowered(yard: _Yard, blend: Path, copy: Path) -> tuple[str, list[int]]:
    told = yard.folder / "told.json"
    told.unlink(missing_ok=True)
    options = ["-b", "--factory-startup", "--disable-autoexec"]
    said = _run([yard.blender, *options, blend, "--python", LOWERED, "--", copy, told])
    if not told.exists():
        raise ToolError(said.strip()[-400:])
    answer = json.loads(told.read_text(encoding="utf-8"))
    return answer["engine"], answer["frames"]


def _compare(yard: _Yard, job: str, copy: Path, told: Told) -> None:
    shown = yard.command("show", job, "--json")
    told.warnings = [one["words"] for one in shown["warnings"]]
    told.failures = [str(one) for one in shown["failures"]]
    for frame in told.frames:
        try:
            told.frames[frame] = result(yard, job, copy, frame)
        except (ToolError, subprocess.TimeoutExpired, ValueError) as error:
            told.frames[frame] = str(error)


def result(yard: Renders, job: str, copy: Path, frame: int) -> str:
    """What came of a frame, as in `Told`."""
    farmed, fresh = yard.farmed(job, frame), yard.fresh(copy, frame, f"{job}-{frame}-0")
    if not fresh and not farmed:
        return "none"
    if not farmed:
        return "lost"
    if fresh == farmed:
        return "same"
    others = [yard.fresh(copy, frame, f"{job}-{frame}-{number}") for number in range(1, AGAIN + 1)]
    return "differs" if all(other == fresh for other in others) else "blender"


def _pixels(files: Iterator[Path]) -> dict[str, bytes]:
    return {path.name: raw_pixels.pixels(path) for path in files}


def _run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, timeout: float = PATIENCE) -> str:
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout
    )
    return done.stdout.decode(errors="replace")
