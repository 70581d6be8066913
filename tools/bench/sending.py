# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes between an artist's click on Send and the first frame begun, on one machine whose worker waits for it."""

import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from tools.blenders import scenes
from tools.build import package
from tools.check.desktop import Desktop, Rectangle
from tools.check.window import SIDEBAR, VIEWPORT, Window

MODULE = f"__import__('sys').modules['{package.MODULE}.blender"
SESSION = f"{MODULE}.worker.session'].session"
SHOWN = f"{MODULE}.farm.view'].jobs_view.shown"
CHOSEN = f"({SHOWN}.details and {SHOWN}.details.job.status)"

_BLENDS = {"the default scene": None, "a blend of 100 MB": 8_500_000}  # vertices, of 12 bytes each
_WARM = 3.0  # seconds in which the worker has its Blender started ahead
_READ = 2.0  # seconds that she reads the dialog
_BEGUN = 120.0  # seconds in which a frame has begun


def measured(
    blender: Path, desktop: Desktop, env: Mapping[str, str], scratch: Path, *, repeat: int
) -> dict[str, float]:
    """Seconds, the median of so many; and the longest for which Blender's main loop did not come round meanwhile."""
    figures: dict[str, float] = {}
    for name, vertices in _BLENDS.items():
        folder = scratch / f"sending-{vertices or 0}"
        words = []
        if vertices:
            words = [scenes.make(blender, "large", folder / "large.blend", vertices=vertices)]
        settings = {
            "BENDER_WORKER_QUEUE": "local",
            "BENDER_WORKER_DATA_DIR": str(folder / "data"),
            "BENDER_WORKER_OUTPATH": str(folder / "frames"),
        }
        with Window(desktop, blender, *words, env={**env, **settings}, folder=folder) as window:
            window.open_sidebar("Bender")
            times, held_up = zip(*(_once(window) for _ in range(repeat)), strict=True)
        figures[f"from Send to the first frame begun, {name}: s"] = statistics.median(times)
        figures[f"Blender's main loop held up meanwhile, {name}: s"] = statistics.median(held_up)
    return figures


def open_dialog(window: Window) -> Rectangle:
    """The one in which a scene is sent; Return, over words of it, sends. Gives where such words stand."""
    window.click("Send to Farm", SIDEBAR, until=lambda: window.sees("Frames go to", VIEWPORT))
    words = window.find("Frames go to", VIEWPORT)
    window.desktop.key("Return")  # ends the field of the frames, in which one can type at once
    window.desktop.move(*words.middle)
    return words


def _once(window: Window) -> tuple[float, float]:
    before = window.ask(f"len({SHOWN}.jobs)")
    window.click("Start", SIDEBAR, until=f"{SESSION}.running")
    window.wait_until(f"{SESSION}.snapshot.state.value == 'Waiting'")
    time.sleep(_WARM)
    open_dialog(window)
    time.sleep(_READ)
    began, longest = time.monotonic(), 0.0
    window.desktop.key("Return")
    while True:
        asked = time.monotonic()
        begun = window.ask(f"{SESSION}.snapshot.task is not None")
        longest = max(longest, time.monotonic() - asked)
        if begun:
            break
        if time.monotonic() > began + _BEGUN:
            raise TimeoutError(f"no frame has begun; see {window.screenshot('not-begun')}")
    took = time.monotonic() - began
    window.wait_until(f"len({SHOWN}.jobs) == {before + 1} and {CHOSEN} == 'Running'")
    window.ask(f"bpy.ops.bender.farm_cancel(job={SHOWN}.details.job.id)")
    window.wait_until(f"all(job.status == 'Canceled' for job in {SHOWN}.jobs)")
    window.ask("bpy.ops.bender.worker_stop(when='NOW')")
    window.wait_until(f"not {SESSION}.running")
    return took, longest
