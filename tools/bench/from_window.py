# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes between an artist's click on Send in the Blender in which she works and the first frame begun on a
machine of the farm: the first time, and again."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from bender_worker_addon.farm.database import Database
from tools.build import package
from tools.check.desktop import Desktop
from tools.check.window import SIDEBAR, VIEWPORT, Window, settle
from tools.errors import ToolError
from tools.servers.served_farm import DESK, ServedFarm

_SHOWN = f"__import__('sys').modules['{package.MODULE}.blender.farm.view'].jobs_view.shown"
_FULL = "1000000"  # GB that are to be free: her own machine renders none of it
_READ = 3.0  # seconds that she reads the dialog
_LOOK = 0.02  # seconds between two looks at what has begun
_PATIENCE = 300.0  # seconds


def seconds(farm: ServedFarm, blender: Path, scene: Path, *, scratch: Path, times: int) -> Iterator[float]:
    """Each time it is sent."""
    env = farm.environment_of(DESK) | {"BENDER_WORKER_DISKLIMIT": _FULL}
    with Desktop() as desktop:
        settle(blender, env, scratch / "temporary")
        with Window(desktop, blender, scene, env=env, folder=scratch / "window") as window:
            window.open_sidebar("Bender")
            for _ in range(times):
                yield _once(farm, window)


def _once(farm: ServedFarm, window: Window) -> float:
    before = set(_starts(farm))
    window.click("Send to Farm", SIDEBAR, until=lambda: window.sees("Frames at a Time", VIEWPORT))
    words = window.find("Frames at a Time", VIEWPORT)
    window.desktop.key("Return")  # ends the field of the frames, in which one can type at once
    window.desktop.move(*words.middle)
    time.sleep(_READ)
    began = time.time()
    window.desktop.key("Return")
    while _starts(farm).keys() == before:
        if time.time() > began + _PATIENCE:
            raise ToolError(f"No job has come; see {window.screenshot('no-job')}")
        time.sleep(_LOOK)
    list(farm.follow(patience=_PATIENCE))
    ((_, start),) = (found for found in _starts(farm).items() if found[0] not in before)
    window.wait_until(f"{_SHOWN}.doing is None or not {_SHOWN}.doing")
    return datetime.fromisoformat(start).timestamp() - began


def _starts(farm: ServedFarm) -> dict[str, str]:
    """When each task was begun; empty for those that are not."""
    with closing(Database(farm.folder)) as database, database.looking() as connection:
        tasks = [json.loads(body) for (body,) in connection.execute("SELECT body FROM task")]
    return {task["id"]: task["time"]["start"] or "" for task in tasks}
