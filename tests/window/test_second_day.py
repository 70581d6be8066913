# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist whose studio has set up her worker: nothing to type, it starts with Blender and keeps out of her way."""

import os
from pathlib import Path

import pytest

from tests.window.conftest import OpenWindow
from tests.window.desk import PREFERRED, SESSION, SNAPSHOT, state_of
from tools.check.window import PREFERENCES

pytestmark = pytest.mark.both_blenders

QUIT = 30.0  # seconds, on a busy machine
ENOUGH = 5  # answers of Blender's main loop while the worker is opened beside it: it was not held up


def test_it_starts_with_blender_and_waits_while_she_renders_herself(
    open_window: OpenWindow, endless_blend: Path, tmp_path: Path
) -> None:
    slow_to_open = {"PATH": f"{_slow_bwrap(tmp_path)}:{os.environ['PATH']}", "BENDER_WORKER_SANDBOX": "auto"}
    with open_window("first_day", environment=slow_to_open) as desk:
        user = Path(desk.window.ask("bpy.utils.resource_path('USER')"))
        desk.open_preferences()
        desk.unfold_preferences()
        desk.window.find("BENDER_WORKER_BENDER_URL says", PREFERENCES)
        desk.window.fill("Flaskbender", "http://mistyped", PREFERENCES)
        desk.window.screenshot("set-by-the-environment")
        desk.start_with_blender()
        assert desk.window.ask(f"{PREFERRED}.bender_url") != "http://mistyped"
        desk.close_preferences()
        desk.start()
        assert desk.answers_while(f"{SNAPSHOT}.state.value == 'Connecting'") > ENOUGH
        desk.wait_for_state("Waiting")
        desk.quit(within=QUIT)

    with open_window("second_day", endless_blend, user=user, environment={}) as desk:
        desk.window.open_sidebar("Bender")
        desk.wait_for_state("Waiting")
        desk.farm.task(desk.farm.job(endless_blend), 1)
        child = desk.wait_for_render()
        desk.render_her_own()
        desk.wait_for("a suspended child", lambda: state_of(child) == "T")
        desk.window.wait_until(f"{SESSION}.snapshot.detail == 'while you render'")
        desk.window.screenshot("while-she-renders")
        desk.give_her_render_up()
        desk.wait_for("a child that goes on", lambda: state_of(child) != "T")
        assert desk.children() == [child]
        desk.stop_now()


SLOW = 6.0  # seconds that finding out about the sandbox takes here


def _slow_bwrap(folder: Path) -> Path:
    """A folder with a bwrap that takes its time to say that it can't."""
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\nsleep {SLOW:g}\nexit 1\n")
    program.chmod(0o755)
    return folder
