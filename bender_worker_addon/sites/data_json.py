# SPDX-License-Identifier: GPL-3.0-or-later
"""The `data.json` of a job on a shared disk, which bender-bookkeeper keeps: what it says, and what is changed in it.
It may hold anything: what is not as it should be counts as missing."""

import contextlib
import json
import math
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from ..core.errors import FarmError
from ..core.frame import FORMATS
from ..core.job import CANCELED, DATA_JSON, PREFLIGHT
from ..farm import books, job_files
from ..farm.tasks import OUTPUT, warnings_of
from ..system.durable import make_durable
from ..system.files import remove

Task = dict[str, Any]  # as it stands there

_TRIES = 20  # to change a file that somebody else writes, too


class Stamp(NamedTuple):
    """Another one whenever the files in a job's folder may say something else."""

    modified: int
    size: int
    file: int
    canceled: bool


def stamp(folder: Path) -> Stamp:
    """Raises OSError if there is no job."""
    found = (folder / DATA_JSON).stat()
    return Stamp(found.st_mtime_ns, found.st_size, found.st_ino, (folder / CANCELED).exists())


def read(folder: Path) -> dict[str, Any]:
    """Raises FarmError if it can't be read."""
    path = folder / DATA_JSON
    try:
        data = json.loads(path.read_bytes(), object_hook=_give_way)
    except (OSError, ValueError, RecursionError) as error:
        raise FarmError(f"{path} can't be read; is it just being written?") from error
    if not isinstance(data, dict) or "id" not in data:
        raise FarmError(f"{path} is no job's")
    return data


def change_tasks(folder: Path, change: Callable[[Task], Task]) -> None:
    """Puts what `change` gives for each task in its place, and never an older state of what the bookkeeper writes
    meanwhile. Raises FarmError if that can't be done."""
    path, fresh = folder / DATA_JSON, folder / f".{uuid.uuid4().hex}"
    try:
        for _ in range(_TRIES):
            before, data = stamp(folder), read(folder)
            changed = [change(task) if _is_task(task) else task for task in data.pop("tasks", ())]
            status = books.job_status(Counter(task["status"] for task in filter(_is_task, changed)))
            job_files.write(fresh, job_files.as_data_json(data, status, map(json.dumps, changed)))
            shutil.copymode(path, fresh)
            if stamp(folder) == before:
                make_durable(fresh, path)
                return
    except OSError as error:
        raise FarmError(f"{path} can't be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            remove(fresh)
    raise FarmError(f"{path} can't be written: somebody else is writing it all the time")


def tasks(data: Mapping[str, Any]) -> list[Task]:
    found = data.get("tasks")
    return list(filter(_is_task, found)) if isinstance(found, list) else []


def frames(task: Task) -> set[int]:
    numbers = _object(_object(_object(task.get("command")).get("Blender")).get("frame"))
    return {int(number) for number in numbers if number.isdecimal()}


def error(task: Task) -> str:
    """Why it failed."""
    return str(_object(task.get("data")).get("error") or "nothing was said of why")


def warnings(task: Task) -> list[str]:
    """What puts its frames in doubt."""
    return warnings_of(_object(task.get("data")))


def output(task: Task) -> str:
    """What its Blender printed last, if it failed."""
    told = _object(task.get("data")).get(OUTPUT)
    return told if isinstance(told, str) else ""


def waiting(task: Task) -> Task:
    """The task as it is when it is queued again."""
    data = {key: value for key, value in _object(task.get("data")).items() if key not in ("error", OUTPUT)}
    return {**task, "status": "Waiting", "data": data}


def failed(task: Task, why: str) -> Task:
    return {**task, "status": "Errored", "data": {**_object(task.get("data")), "error": why}}


def name(data: Mapping[str, Any]) -> str:
    return str(_object(data.get("data")).get("name") or Path(str(_object(data.get("paths")).get("filename", ""))).stem)


def created(data: Mapping[str, Any]) -> str:
    return str(_object(data.get("time")).get("creation") or "")


def status(data: Mapping[str, Any]) -> str:
    return str(_object(data.get("status")).get("Job", "Queued"))


def priority(data: Mapping[str, Any]) -> int:
    try:
        return int(_object(data.get("data")).get("priority", 0))
    except (TypeError, ValueError):
        return 0


def preflight(data: Mapping[str, Any]) -> list[str]:
    """What its sender was warned of."""
    told = _object(data.get("data")).get(PREFLIGHT)
    return told.splitlines() if isinstance(told, str) else []


def blend_name(data: Mapping[str, Any]) -> str:
    """What its blend is called in its folder; the path there is that of the machine that wrote it."""
    return PureWindowsPath(str(_object(data.get("paths")).get("blend", ""))).name


def image_format(data: Mapping[str, Any]) -> str:
    """Of its frames; "" if that is not told."""
    told = _object(data.get("render")).get("image_format")
    return told if isinstance(told, str) and told in FORMATS else ""


def fps(data: Mapping[str, Any]) -> float:
    """The frames a second of a film of it: ours stand in `render`, bender's own, whole ones, in `frames`; 24 where
    nothing is said."""
    render, frames = _object(data.get("render")), _object(data.get("frames"))
    fps, base = render.get("fps"), render.get("fps_base", 1)
    if _is_positive(fps) and _is_positive(base):
        return float(fps / base)
    return float(frames["fps"]) if _is_positive(frames.get("fps")) else 24


def _is_positive(found: object) -> bool:
    return isinstance(found, int | float) and 0 < found < math.inf


def _is_task(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("id"), str) and isinstance(found.get("status"), str)


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _give_way(found: dict[str, Any]) -> dict[str, Any]:
    """Called for each object in a file, it lets other threads run: else all would wait until a large one is read."""
    return found
