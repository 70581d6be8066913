# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist goes on working while her machine renders for the farm: neither of the two gets in the other's way."""

import time
from pathlib import Path

import pytest

from bender_worker_addon.worker import control
from tests.window.conftest import OpenWindow
from tests.window.desk import PREFERRED, Desk, state_of
from tools.build.package import MODULE
from tools.check.window import PREFERENCES, VIEWPORT

pytestmark = pytest.mark.both_blenders

BACK = 30  # rounds of Blender's main loop in which an artist who comes back has her machine: a second, if it is quiet
SAVED = 300.0  # seconds in which Blender has saved by itself, which it is to do every minute
QUIT = 30.0  # seconds that quitting may take in mid-render on a busy machine, Blender's own end included


def test_another_file_and_a_new_one_in_mid_render_do_not_disturb_the_worker(desk: Desk, slow_blend: Path) -> None:
    task = desk.farm.task(desk.farm.job(slow_blend), 1)
    desk.start()
    with desk.mid_frame() as child:
        desk.open_file(slow_blend)
        desk.window.wait_until("'BENDER_OT_worker_loop' in modal_operators()")
        desk.new_file()
    desk.farm.wait_for("finish", task)
    assert desk.children() == [child]
    desk.window.wait_until("'BENDER_OT_worker_loop' in modal_operators()")


def test_it_can_be_asked_and_stopped_from_a_terminal(desk: Desk, slow_blend: Path) -> None:
    data = desk.farm.folder / "data"
    task = desk.farm.task(desk.farm.job(slow_blend), 1)
    desk.start()
    with desk.mid_frame():
        told = control.ask(data, control.STATUS)
        assert (told["state"], told["task"]["job_id"]) == ("Rendering", task["parent_id"])
        control.stop(data, now=True)
        desk.wait_for_state("Stopped")
    assert desk.farm.ready() == 1
    desk.start()
    desk.farm.wait_for("finish", task)


def test_the_worker_goes_on_when_the_window_it_was_started_in_is_closed(desk: Desk, slow_blend: Path) -> None:
    desk.start()
    desk.wait_for_state("Waiting")
    desk.open_second_window()
    task = desk.farm.task(desk.farm.job(slow_blend), 1)
    with desk.mid_frame():
        desk.close_first_window()
    desk.farm.wait_for("finish", task)
    desk.window.wait_until("'BENDER_OT_worker_loop' in modal_operators()")


def test_an_artist_who_comes_back_has_her_machine_at_once(desk: Desk, endless_blend: Path) -> None:
    desk.open_preferences()
    desk.unfold_preferences()
    desk.work_only_when_away(minutes=0.05)
    desk.close_preferences()
    desk.farm.task(desk.farm.job(endless_blend), 1)
    desk.start()
    child = desk.wait_for_render()
    assert _is_suspended_while_she_moves(desk, child)
    desk.wait_for("a child that goes on", lambda: state_of(child) != "T")
    assert desk.children() == [child]
    desk.window.ask(f"setattr({PREFERRED}, 'only_when_away', False)")


def _is_suspended_while_she_moves(desk: Desk, child: int) -> bool:
    x, y = desk.window.where(VIEWPORT).middle
    for step in range(BACK):
        desk.window.desktop.move(x + step % 9, y)
        if state_of(child) == "T":
            return True
        desk.window.ask("True")
    return False


def test_what_the_artist_does_is_saved_while_the_worker_runs(desk: Desk) -> None:
    """Blender saves every minute here, but never while a modal operator runs."""
    desk.start()
    desk.wait_for_state("Waiting")
    temporary = Path(desk.window.ask("bpy.context.preferences.filepaths.temporary_directory"))
    before = time.time()
    desk.change_something()
    saved = lambda: [path for path in temporary.rglob("*.blend") if path.stat().st_mtime > before]  # noqa: E731
    desk.wait_for("an automatic save", saved, timeout=SAVED)


def test_disabling_the_add_on_in_mid_render_leaves_nothing(open_window: OpenWindow, endless_blend: Path) -> None:
    with open_window("disabling", environment={}) as desk:
        task = desk.farm.task(desk.farm.job(endless_blend), 1)
        desk.start()
        desk.wait_for_render()
        desk.open_preferences()
        desk.toggle_add_on()
        desk.window.wait_until(f"{MODULE!r} not in bpy.context.preferences.addons")
        desk.wait_for("no child", lambda: not desk.children())
        desk.farm.wait_for("requeue", task)
        assert desk.farm.ready() == 1
        assert desk.window.ask(LEFT_BEHIND) == []
        desk.toggle_add_on()
        desk.window.wait_until("hasattr(bpy.types, 'BENDER_PT_worker')")
        desk.window.find("Bender Worker", PREFERENCES)


def test_quitting_in_mid_render_gives_everything_back_and_leaves_no_process(
    open_window: OpenWindow, endless_blend: Path
) -> None:
    with open_window("quitting", environment={}) as desk:
        job = desk.farm.job(endless_blend)
        tasks = [desk.farm.task(job, frame) for frame in (1, 2, 3)]
        desk.start()
        desk.wait_for_render()
        print(f"Quitting took {desk.quit(within=QUIT):.1f} s.")
        desk.farm.wait_for("requeue", tasks[0])
        assert desk.farm.ready() == len(tasks)
        assert desk.farm.unacked() == 0


LEFT_BEHIND = (
    "[name for name in dir(bpy.types) if name.startswith('BENDER_')]"
    " + [str(handler) for name in dir(bpy.app.handlers) if isinstance(getattr(bpy.app.handlers, name), list)"
    f" for handler in getattr(bpy.app.handlers, name) if {MODULE!r} in str(handler.__module__)]"
    " + [thread.name for thread in threading.enumerate()"
    " if thread.name != 'observer' and thread is not threading.main_thread()]"
    " + [name for name in modal_operators() if name.startswith('BENDER')]"
)
