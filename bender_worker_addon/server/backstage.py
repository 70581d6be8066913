# SPDX-License-Identifier: GPL-3.0-or-later
"""Backstage: a Blender in the background, for what of a farm's own affairs only a Blender can do: it looks into blends
and makes films. What it opens may come from anybody: it runs no scripts, has a folder of its own, no network and no
home where this machine can take them away, so much memory and so long a time. `blender/errand.py` runs in it."""

import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..core.errors import FarmError
from ..system import memory
from ..system.files import discard_folder, move
from ..system.platform import WINDOWS
from ..system.sandbox import Sandbox, environment_inside, why_impossible, without_secrets
from ..system.tether import Tether
from .extension import unpacked

log = logging.getLogger(__name__)

_LOOK = 180.0  # seconds it may look into a blend
_FILM = 3600.0  # seconds a film may take
_TRY = 20.0  # seconds a sandbox may take to say that it works
_LEAST = 4 << 30  # bytes of memory it may always have
_WAITING = 4  # who want something of it at once
_WORDS = 300  # letters of what it said last
_FOLDER = "backstage"  # in the farm's
_START = "import sys; sys.path.insert(0, {parent!r}); from {package}.blender import errand; errand.main()"
_LIMITED = ("/bin/sh", "-c", 'ulimit -d "$0" 2>/dev/null; exec "$@"')


class Backstage:
    """One errand at a time, whoever asks; any thread may. `program`: the Blender; without one nothing can be done.
    Open until `close`, which ends what is done."""

    def __init__(self, program: Path | None, *, farm_dir: Path) -> None:
        self._program = program
        self._place = farm_dir / _FOLDER
        self._turn = threading.Lock()
        self._room = threading.Semaphore(_WAITING)
        self._tether = Tether()
        self._running: subprocess.Popen[bytes] | None = None
        self._is_closed = False
        self._package: Path | None = None
        self._has_sandbox: bool | None = None
        discard_folder(self._place)

    @property
    def is_there(self) -> bool:
        return self._program is not None

    def look(self, blend: Path) -> dict[str, Any]:
        """What Blender says of a blend: `scenes`, each with its `name`, `frames`, `format`, `facts` and `concerns`, and
        which is `active`. Raises FarmError if it can't, with a sentence why."""
        with self._errand("look", reads=[blend], within=_LOOK, blend=str(blend)) as (answer, _):
            return answer

    def save_with(self, blend: Path, scene: str) -> None:
        """Makes this one the blend's active scene. Raises FarmError."""
        told = {"blend": str(blend), "scene": scene}
        with self._errand("save with", reads=[blend], within=_LOOK, **told) as (_, folder):
            move(folder / "scene.blend", blend)

    def film(self, frames: Sequence[Path], out: Path, *, fps: float, scene_of: Path | None) -> None:
        """Makes an MP4 of pictures, as `out`. Raises FarmError."""
        told = {"frames": [str(frame) for frame in frames], "fps": fps, "scene_of": scene_of and str(scene_of)}
        reads = [frames[0].parent, *([] if scene_of is None else [scene_of])]
        with self._errand("film", reads=reads, within=_FILM, **told) as (_, folder):
            move(folder / "film.mp4", out)

    def close(self) -> None:
        self._is_closed = True
        self._end(self._running)
        with self._turn:
            discard_folder(self._place)

    @contextmanager
    def _errand(
        self, what: str, *, reads: Sequence[Path], within: float, **told: object
    ) -> Iterator[tuple[dict[str, Any], Path]]:
        """What came of it, and the folder with what was made."""
        if self._program is None:
            raise FarmError("the farm's server has no Blender; start it with one: serve --blender FILE")
        if not self._room.acquire(blocking=False):
            raise FarmError("others want something of the farm's Blender; try again in a moment")
        try:
            with self._turn:
                folder = self._new_folder()
                try:
                    (folder / "told.json").write_text(json.dumps({"what": what, **told}), encoding="utf-8")
                    self._run(self._program, folder, reads, within)
                    answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
                    if "error" in answer:
                        raise FarmError(str(answer["error"]))
                    yield answer, folder
                finally:
                    discard_folder(folder)
        except OSError as error:
            raise FarmError(f"the farm's Blender could not do it: {error.strerror or error}") from error
        finally:
            self._room.release()

    def _new_folder(self) -> Path:
        self._place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._place))

    def _run(self, program: Path, folder: Path, reads: Sequence[Path], within: float) -> None:
        """Raises FarmError unless it ends well, and OSError."""
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                self._command(program, folder, reads),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(folder),
                cwd=folder,
                process_group=0,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        self._tether.tie(process.pid)
        self._running = process
        try:
            if self._is_closed:
                raise FarmError("the farm's server is being stopped")
            process.wait(within)
        except subprocess.TimeoutExpired as error:
            raise FarmError(f"Blender took longer than {within:.0f} s and was ended") from error
        finally:
            self._end(process)
            self._running = None
        if process.returncode or not (folder / "answer.json").is_file():
            raise FarmError(f"Blender ended before it was done; its last words: {_last_words(folder / 'output')}")

    def _command(self, program: Path, folder: Path, reads: Sequence[Path]) -> list[str]:
        package = self._package = self._package or unpacked(self._place / "add-on")
        start = _START.format(parent=str(package.parent), package=package.name)
        quiet = ("--background", "--factory-startup", "--disable-autoexec", "--offline-mode", "--python-exit-code", "1")
        command = [str(program), *quiet, "--python-expr", start, "--", str(folder)]
        if self._has_sandbox is None:
            self._has_sandbox = _works(program)
        if self._has_sandbox:
            command = Sandbox(readable=(package, *reads)).command(command, folder=folder)
        if WINDOWS:
            return command
        most = max(_LEAST, memory.available() * 3 // 4)
        return [*_LIMITED, str(most // 1024), *command]

    def _end(self, process: "subprocess.Popen[bytes] | None") -> None:
        """With all that it has started; nothing if it has ended."""
        if process is None or process.poll() is not None:
            return
        if WINDOWS:
            process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _works(program: Path) -> bool:
    """Whether this machine can make a sandbox for it."""
    if why := why_impossible():
        log.info("what is sent to the farm is looked into without a sandbox: %s", why)
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = Sandbox().command([str(program), "--version"], folder=Path(folder))
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRY, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            log.info("what is sent to the farm is looked into without a sandbox: %s", error)
            return False
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip()
        log.info("what is sent to the farm is looked into without a sandbox: %s", words)
    return done.returncode == 0


def _environment(folder: Path) -> dict[str, str]:
    """Without secrets, and with nothing that leads to somebody's own folders."""
    environment = environment_inside(without_secrets(os.environ), home=folder)
    return environment | dict.fromkeys(("TMPDIR", "TEMP", "TMP", "BLENDER_USER_RESOURCES"), str(folder))


def _last_words(output: Path) -> str:
    with suppress(OSError):
        lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip() and line.strip() != "Blender quit"), "")
        return words[:_WORDS] or "none"
    return "none"
