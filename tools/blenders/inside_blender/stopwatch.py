# SPDX-License-Identifier: GPL-3.0-or-later
"""Times every tick of the worker's loop in a Blender with a window: seconds, in `bpy.app.driver_namespace["ticks"]`."""

import sys
import time

import bpy

OPERATORS = "worker_addon.blender.worker.operators"


def main() -> None:
    operators = next(module for name, module in sys.modules.items() if name.endswith(OPERATORS))
    ticks: list[float] = []
    plain = operators.tick

    def timed() -> None:
        started = time.perf_counter()
        plain()
        ticks.append(time.perf_counter() - started)

    operators.tick = timed
    bpy.app.driver_namespace["ticks"] = ticks


main()
