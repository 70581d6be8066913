# SPDX-License-Identifier: GPL-3.0-or-later
"""Times every tick of the worker's loop in a Blender with a window: seconds, in `bpy.app.driver_namespace["ticks"]`."""

import sys
import time

import bpy

LOOP = "worker_addon.blender.worker.loop"


def main() -> None:
    loop = next(module for name, module in sys.modules.items() if name.endswith(LOOP))
    ticks: list[float] = []
    plain = loop._tick

    def timed() -> None:
        started = time.perf_counter()
        plain()
        ticks.append(time.perf_counter() - started)

    loop._tick = timed
    bpy.app.driver_namespace["ticks"] = ticks


main()
