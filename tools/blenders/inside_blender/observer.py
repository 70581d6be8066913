# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what is so in a Blender with a window, to the one who started it. Looks; acts in nothing.

    OBSERVER=127.0.0.1:PORT:SECRET blender --python observer.py

It calls there and says SECRET; then each line it gets is a Python expression as JSON, and each line it gives
{"value": …} or {"error": …}. Expressions are evaluated in Blender's main loop and know `bpy` and what stands below.
"""

import contextlib
import json
import os
import queue
import socket
import threading
import time

import bpy

INTERVAL = 0.03  # seconds between two looks for questions
ASLEEP = 0.3  # the same when nobody has asked for some time, so that looking costs next to nothing
SOME_TIME = 2.0

redraws: dict[str, int] = {"WINDOW": 0, "UI": 0}
frame_times: list[float] = []

_last_question = 0.0
_questions: queue.SimpleQueue[tuple[str, queue.SimpleQueue[str]]] = queue.SimpleQueue()


def regions(kind: str, *region_kinds: str) -> list[list[int]]:
    """Where the regions of one of these kinds are in the editors of this kind: the window's left, bottom and height,
    then the region's x, y, width and height in it; pixels, counted from the lower left."""
    return [
        [window.x, window.y, window.height, region.x, region.y, region.width, region.height]
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == kind
        for region in area.regions
        if region.type in region_kinds and region.width > 1 and region.height > 1
    ]


def sidebar_tab() -> str | None:
    """The open tab of the 3D view's sidebar; None if the sidebar is closed."""
    for area in bpy.context.window_manager.windows[0].screen.areas:
        if area.type == "VIEW_3D":
            sidebar = next(region for region in area.regions if region.type == "UI")
            return sidebar.active_panel_category if sidebar.width > 1 else None
    return None


def chosen_file() -> str | None:
    """The file chosen in the file browser; None if there is no file browser."""
    for area in bpy.context.window_manager.windows[0].screen.areas:
        if area.type == "FILE_BROWSER":
            return str(area.spaces.active.params.filename)
    return None


def modal_operators() -> list[str]:
    return [operator.bl_idname for window in bpy.context.window_manager.windows for operator in window.modal_operators]


def redrawn(region: str) -> int:
    return redraws[region]


def _call() -> None:
    host, port, secret = os.environ["OBSERVER"].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.settimeout(None)
        connection.sendall(secret.encode() + b"\n")
        for line in connection.makefile("rb"):
            answer: queue.SimpleQueue[str] = queue.SimpleQueue()
            _questions.put((json.loads(line), answer))
            connection.sendall(answer.get().encode() + b"\n")


def _answer() -> float:
    global _last_question
    with contextlib.suppress(queue.Empty):
        while True:
            expression, answer = _questions.get_nowait()
            answer.put(_evaluated(expression))
            _last_question = time.monotonic()
    return INTERVAL if time.monotonic() - _last_question < SOME_TIME else ASLEEP


def _evaluated(expression: str) -> str:
    try:
        return json.dumps({"value": eval(expression, globals())}, default=str)
    except Exception as error:  # noqa: BLE001  (whatever it is, the one who asked is told)
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


def _count(region: str) -> None:
    redraws[region] += 1
    if region == "WINDOW":
        frame_times.append(time.perf_counter())


for name in redraws:
    bpy.types.SpaceView3D.draw_handler_add(_count, (name,), name, "POST_PIXEL")
bpy.app.timers.register(_answer, persistent=True)
threading.Thread(target=_call, name="observer", daemon=True).start()
