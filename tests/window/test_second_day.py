# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist whose studio has set up her worker: nothing to type, it starts with Blender and keeps out of her way."""

import os
from pathlib import Path

import pytest

from tests.window.conftest import OpenWindow
from tests.window.desk import PREFERRED, SESSION, SNAPSHOT, state_of
from tools.check.window import PREFERENCES, SIDEBAR

pytestmark = pytest.mark.both_blenders

QUIT = 30.0  # seconds, on a busy machine
ENOUGH = 5  # answers of Blender's main loop while the worker is opened beside it: it was not held up


def test_it_goes_on_when_she_quits_and_gives_way_when_she_comes_back_and_renders_herself(
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
        desk.go_on_after_quit()
        desk.close_preferences()
        desk.start()
        assert desk.answers_while(f"{SNAPSHOT}.state.value == 'Connecting'") > ENOUGH
        desk.wait_for_state("Waiting")
        task = desk.farm.task(desk.farm.job(endless_blend), 1)
        desk.wait_for_render()
        desk.quit_and_go_on()

        with open_window("second_day", endless_blend, user=user, farm=desk.farm, environment={}) as second:
            second.window.open_sidebar("Bender")
            second.window.find("Rendering in your other Blender", SIDEBAR)
            second.window.wait_until(f"{SESSION}.log_path and not {SESSION}.running")  # it was to start with Blender
            second.window.find("This one takes over", SIDEBAR)
            second.window.screenshot("rendered-in-another-blender")
            second.window.click("Stop It There", SIDEBAR, until=lambda: second.window.sees("Stop It Now", SIDEBAR))
            second.window.screenshot("stopped-after-its-frame")
            second.window.click("Stop It Now", SIDEBAR, until=lambda: not desk.window.processes())
            second.farm.wait_for("requeue", task)
            second.start()
            child = second.wait_for_render()
            second.render_her_own()
            second.wait_for("a suspended child", lambda: state_of(child) == "T")
            second.window.wait_until(f"{SESSION}.snapshot.detail == 'while you render'")
            second.window.screenshot("while-she-renders")
            second.give_her_render_up()
            second.wait_for("a child that goes on", lambda: state_of(child) != "T")
            assert second.children() == [child]
            second.stop_now()


SLOW = 6.0  # seconds that finding out about the sandbox takes here


def _slow_bwrap(folder: Path) -> Path:
    """A folder with a bwrap that takes its time, when it is asked first, to say that it can't."""
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\nmkdir {folder}/asked && sleep {SLOW:g}\nexit 1\n")
    program.chmod(0o755)
    return folder
