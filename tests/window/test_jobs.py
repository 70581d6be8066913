# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist with one machine and no server: she sends what she sees to the farm, renders it, looks after her jobs."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.worker import control
from tests.window.conftest import OpenWindow, SceneMaker
from tests.window.desk import PREFERRED, SESSION, Desk
from tools.build.package import MODULE
from tools.check.desktop import Rectangle
from tools.check.window import SIDEBAR, VIEWPORT

pytestmark = pytest.mark.both_blenders

SHOWN = f"__import__('sys').modules['{MODULE}.blender.farm.view'].jobs_view.shown"
LOOKED = f"__import__('sys').modules['{MODULE}.blender.farm.looking'].looking.shown"
GROWING = f"__import__('sys').modules['{MODULE}.blender.farm.panel']._growing"
NIGHTLY = f"__import__('sys').modules['{MODULE}.blender.worker.nightly']"
HEIGHT = 28  # pixels of the status bar
FOUND = 400  # pixels in which a command stands that was searched for, below the words that were typed
SEND = 330  # pixels from one button of the dialog to the other
DIALOGS = Rectangle(0, 150, 1160, 650)  # where they open: to read the whole screen takes longer
UNSAVED = "There are unsaved changes"  # which the dialog says of all files here
ARROW = 28  # pixels from the sidebar's edge to the first button of a job's box
RENDERED = 300.0  # seconds in which a few small frames are there, on a busy machine too


def test_a_scene_is_sent_rendered_looked_at_canceled_and_queued_again(
    open_window: OpenWindow, make_scene: SceneMaker, opened: Path, opening: dict[str, str]
) -> None:
    blend = make_scene("trivial", frames=3, width=128, height=72, samples=1)  # which is enough for two tiles
    before = blend.read_bytes()
    with open_window("jobs", blend, environment={"BENDER_WORKER_QUEUE": "local", **opening}) as desk:
        desk.window.open_sidebar("Bender")
        desk.change_something()
        desk.window.ask(f"setattr({PREFERRED}, 'tell_on_desktop', True)")
        _send(desk, estimate=True)  # which starts the worker, too
        desk.window.wait_until(f"[job.status for job in {SHOWN}.jobs] == ['Finished']", timeout=RENDERED)
        desk.window.find("scene is done: 3 frames", _status_bar(desk))
        told = opened.with_name("told")
        ended = lambda: told.exists() and told.read_text().endswith(" Bender scene is done: 3 frames\n")  # noqa: E731
        desk.wait_for("what is told on the desktop", ended)
        desk.window.find("3 of 3", SIDEBAR)
        assert _frames(desk) == ["000001.png", "000002.png", "000003.png"]
        desk.window.wait_until(f"{SHOWN}.details is not None")
        desk.window.find("Finished: 1-3", SIDEBAR)
        desk.window.screenshot("finished")
        (folder,) = desk.farm.outpath.glob("[!.]*")
        desk.window.click("Folder", SIDEBAR, until=lambda: _is_opened(folder, opened))
        desk.window.click("Film", SIDEBAR, until=f"{SHOWN}.doing or {SHOWN}.film")
        desk.window.wait_until(f"{SHOWN}.film", timeout=RENDERED)
        desk.window.find("Open the Film", SIDEBAR)
        desk.window.screenshot("film")
        _look_at_frames(desk, opened)
        (film,) = desk.farm.outpath.glob("*.mp4")
        assert b"ftyp" in film.read_bytes()[:12]
        desk.window.click("Open the Film", SIDEBAR, until=lambda: _is_opened(film, opened))
        film.unlink()  # when the farm ends, nothing but frames may be there
        _rename(desk, "beach")
        desk.stop_now()
        desk.window.ask(f"setattr({PREFERRED}, 'renderers', 2)")  # one alone is no faster with tiles
        _send(desk, start_now=False, frames="2-3", in_tiles=True)
        desk.window.wait_until(f"{SHOWN}.jobs[0].status == 'Queued'", timeout=RENDERED)
        assert desk.window.ask(f"{SHOWN}.jobs[0].tiles") == 4
        assert [head for head in desk.farm.folder.rglob("data.json") if '"one_kind": "yes"' in head.read_text()]
        desk.window.find("1 job waits", SIDEBAR)
        desk.window.screenshot("nobody-renders")
        desk.window.click("Cancel", SIDEBAR, until=f"{SHOWN}.jobs[0].status == 'Canceled'")
        desk.window.find("Canceled", SIDEBAR)
        assert not desk.window.sees("Folder", SIDEBAR)  # it has no frames
        desk.window.screenshot("canceled")
        desk.window.click("Retry", SIDEBAR, until=f"{SHOWN}.jobs[0].status == 'Queued'")
        desk.window.find("Waiting: 2-3", SIDEBAR)
        _see_a_picture_grow(desk)
        desk.window.click("Finished", SIDEBAR, until=f"{SHOWN}.details.job.status == 'Finished'")
        desk.window.find("Finished: 1-3", SIDEBAR)
        desk.window.screenshot("two-jobs")
        assert desk.window.ask("(bpy.data.filepath, bpy.data.is_dirty)") == [str(blend), True]
        _quit_and_go_on(desk)
        desk.wait_for("the frames that were left", lambda: len(_frames(desk)) == 5, timeout=RENDERED)
        control.stop(desk.farm.folder / "data", now=True)
        desk.wait_for("an end of who went on", lambda: not desk.window.processes())
    assert blend.read_bytes() == before


def test_a_scene_that_no_worker_could_render_is_not_sent_and_what_failed_all_the_same_is_looked_into(
    open_window: OpenWindow, make_scene: SceneMaker, opened: Path, opening: dict[str, str]
) -> None:
    """That no worker could render this one comes out only when its copy is looked at."""
    blend = make_scene("troubled")
    with open_window("hopeless", blend, environment={"BENDER_WORKER_QUEUE": "local", **opening}) as desk:
        desk.window.open_sidebar("Bender")
        desk.change_something()
        _see_that_nonsense_is_not_sent(desk)
        _confirm(desk, start_now=False, frames="7-9x2")
        desk.window.wait_until(f"'ABSENT_ENGINE comes from an add-on' in {SHOWN}.trouble", timeout=RENDERED)
        desk.window.find("Blender's own only", SIDEBAR)
        desk.window.screenshot("hopeless")
        assert desk.window.ask(f"len({SHOWN}.jobs)") == 0
        _search(desk, "send to farm")
        desk.window.desktop.key("Return")
        desk.window.tick("Send It Anyway", DIALOGS)
        _close_dialog(desk)
        desk.window.wait_until(f"len({SHOWN}.jobs) == 1", timeout=RENDERED)
        assert desk.window.ask(f"{SHOWN}.jobs[0].total") == 2  # frames 7 and 9: what was typed was still there
        _render_for_the_night_and_call_it_off(desk)
        _look_into_what_failed(desk, opened)
        _call_the_countdown_off(desk, opened.with_name("slept"))


def _see_a_picture_grow(desk: Desk) -> None:
    """By one of its two tiles, which another worker renders on this machine."""
    desk.farm.worker("--max-tasks", "1", queue="local")
    desk.window.wait_until(f"len({GROWING}._painted) == 1", timeout=RENDERED)
    desk.window.screenshot("growing")


def _search(desk: Desk, text: str) -> None:
    """Has Blender find the dialog by a few words."""
    x, y = desk.window.where(VIEWPORT).middle
    desk.window.press("F3", VIEWPORT, until="True")
    desk.window.desktop.type(text)
    desk.window.find(text, Rectangle(x, y + 16, FOUND, 2 * HEIGHT))
    desk.window.desktop.key("Return")
    desk.window.find(UNSAVED, DIALOGS)
    desk.window.come_to_rest()


def _render_for_the_night_and_call_it_off(desk: Desk) -> None:
    """By the status bar, and by the panel."""
    window = desk.window
    asked = lambda: window.sees("Stay On", DIALOGS)  # noqa: E731
    desk.choose("1 job waits", "For the Night", until=asked, region=_status_bar(desk))
    window.screenshot("for-the-night")
    window.press("Return", window.find("For the Night", DIALOGS), until=f"{SESSION}.running")
    window.find("Until 07:00", SIDEBAR)
    window.click("Cancel", SIDEBAR, until=f"not {NIGHTLY}.words()")
    assert window.ask(f"{SESSION}.running")


def _look_into_what_failed(desk: Desk, opened: Path) -> None:
    """Reads its log, and has one of its frames wait again."""
    window = desk.window
    window.wait_until(f"{SHOWN}.details and {SHOWN}.details.frames == {{'Errored': '7,9'}}", timeout=RENDERED)
    desk.choose("More", "Show Log of Frame 7", until=opened.exists)
    log = Path(opened.read_text().removesuffix("\n")).read_text()
    assert log.startswith("scene, frame 7: Failed\n")
    assert "ABSENT_ENGINE" in log
    desk.stop_now()
    desk.choose("More", "Retry Some Frames...", until=lambda: window.sees("Cancel", DIALOGS))
    window.come_to_rest()
    window.desktop.key("ctrl+a")
    window.desktop.type("9")
    window.screenshot("retry-some")
    window.desktop.key("Return", "Return")
    window.wait_until(f"{SHOWN}.details.frames.get('Errored') == '7'")
    window.find("Waiting: 9", SIDEBAR)


def _call_the_countdown_off(desk: Desk, slept: Path) -> None:
    """When all is done it counts down at once; by the status bar she says no."""
    window = desk.window
    window.click("Cancel", SIDEBAR, until=f"{SHOWN}.jobs[0].status == 'Canceled'")
    window.ask("bpy.ops.bender.night(until='', rest='SLEEP')")
    called_off = f"not {NIGHTLY}.words()"
    desk.choose("is going to sleep", "Cancel: this computer", until=called_off, region=_status_bar(desk))
    assert not slept.exists()
    desk.stop_now()


def _quit_and_go_on(desk: Desk) -> None:
    """By the key that quits, without saving."""
    desk.window.find("1 job waits", _status_bar(desk))
    desk.window.desktop.move(*desk.window.where(VIEWPORT).middle)
    desk.window.desktop.key("ctrl+q")
    words = desk.window.find("A Blender without a window", DIALOGS)
    desk.window.tick("Save the File First", DIALOGS, on=False)
    desk.window.screenshot("quit-and-go-on")
    desk.window.desktop.move(*words.middle)
    desk.window.desktop.key("Return")
    desk.wait_for("an end", desk.window.ended)


def _status_bar(desk: Desk) -> Rectangle:
    desktop = desk.window.desktop
    return Rectangle(0, desktop.height - HEIGHT, desktop.width, HEIGHT)


def _look_at_frames(desk: Desk, opened: Path) -> None:
    """Steps back by the arrow, has one shown and all played: nothing of it gets into her file."""
    window, before = desk.window, desk.window.ask("[image.name for image in bpy.data.images]")
    window.wait_until(f"str({LOOKED}.picture).endswith('000003.png')")
    words = window.aim("Frame 3 of 3", SIDEBAR)
    window.desktop.click(window.where(SIDEBAR).x + ARROW, words.middle[1])
    window.wait_until(f"str({LOOKED}.picture).endswith('000002.png')")
    window.find("Frame 2 of 3", SIDEBAR)
    window.screenshot("looked-at")
    told = opened.read_text()
    window.click("Look at It", SIDEBAR, until=lambda: opened.read_text() != told)
    assert opened.read_text().endswith("/000002.png\n")
    window.click("Play", SIDEBAR, until=lambda: _players(desk))
    close_player(desk)
    assert window.ask("[image.name for image in bpy.data.images]") == before


def close_player(desk: Desk) -> None:
    """Waits for it."""
    desk.wait_for("a player", lambda: _players(desk), timeout=RENDERED)
    for player in _players(desk):
        os.kill(player, signal.SIGKILL)
    desk.wait_for("no player", lambda: not _players(desk))


def _players(desk: Desk) -> list[int]:
    return [process for process, words in desk.window.processes().items() if " -a " in words and "000001.png" in words]


def _rename(desk: Desk, name: str) -> None:
    desk.choose("More", "Rename...", until="True")
    desk.window.come_to_rest()
    desk.window.desktop.key("ctrl+a")
    desk.window.desktop.type(name)
    desk.window.screenshot("rename")
    desk.window.desktop.key("Return", "Return")
    desk.window.wait_until(f"{SHOWN}.details.job.name == {name!r}")
    desk.window.find(name, SIDEBAR)


def _see_that_nonsense_is_not_sent(desk: Desk) -> None:
    window = desk.window
    _open_dialog(desk)
    window.desktop.type("3-1")
    window.desktop.key("Return")
    window.find("ends before it begins", DIALOGS)
    window.screenshot("nonsense")
    before = window.ask("len(bpy.context.view_layer.objects.selected)")
    window.click(
        "Select Object", DIALOGS, until="[o.name for o in bpy.context.view_layer.objects.selected] == ['Cube']"
    )
    assert before > 1
    cancel = window.find("Cancel", DIALOGS)
    window.desktop.click(cancel.x + SEND, cancel.middle[1])
    window.find("ends before it begins", DIALOGS)
    window.desktop.click(*cancel.middle)
    window.wait_for("no dialog", lambda: not window.sees("ends before it begins", DIALOGS))
    assert not window.ask(f"{SHOWN}.doing")


def _send(desk: Desk, **choices: Any) -> None:
    before = len(desk.window.ask(f"[job.id for job in {SHOWN}.jobs]"))
    _confirm(desk, **choices)
    desk.window.wait_until(f"len({SHOWN}.jobs) == {before + 1}", timeout=RENDERED)


def _confirm(
    desk: Desk, *, start_now: bool = True, estimate: bool = False, frames: str = "", in_tiles: bool = False
) -> None:
    """One can type the frames at once; Return ends that."""
    window = desk.window
    _open_dialog(desk)
    window.desktop.type(frames)
    window.desktop.key("Return")
    if estimate:
        button = "Render One Frame to Estimate"
        told = "one frame took"
        window.click(button, DIALOGS, until=lambda: window.sees(told, DIALOGS) or not window.sees(button, DIALOGS))
        window.find(told, DIALOGS, timeout=RENDERED)
    window.tick("Start Rendering Now", DIALOGS, on=start_now)
    if in_tiles:
        window.tick("Split into Tiles", DIALOGS)
        window.tick("On One Kind of Device", DIALOGS)
    window.screenshot("send")
    _close_dialog(desk)


def _open_dialog(desk: Desk) -> None:
    desk.window.click("Send to Farm", SIDEBAR, until=lambda: desk.window.sees(UNSAVED, DIALOGS))
    desk.window.come_to_rest()


def _close_dialog(desk: Desk) -> None:
    """By Return, over words of it: over a field it would begin to change that."""
    words = desk.window.find(UNSAVED, DIALOGS)
    desk.window.press("Return", words, until=lambda: not desk.window.sees(UNSAVED, DIALOGS))


def _is_opened(path: Path, opened: Path) -> bool:
    """Whether it is what a program for it was last asked for."""
    return opened.exists() and opened.read_text().splitlines()[-1] == str(path)


def _frames(desk: Desk) -> list[str]:
    return sorted(path.name for path in desk.farm.outpath.glob("*/*.png"))
