# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel: an artist starts the worker, sees what it is doing, opens a frame, pauses and stops it."""

import json
import time
from pathlib import Path

import pika
import pytest

from bender_worker_addon.core.orders import Order, message
from tests.farm.process import DEADLINE
from tests.window.desk import SESSION, SNAPSHOT, Desk, state_of
from tools.check.window import SIDEBAR

pytestmark = pytest.mark.both_blenders

RENDERED = 300.0  # seconds in which a frame of some seconds is there, on a busy machine too
MANY = range(1, 1000)  # frames: more than are rendered before a test has ended


def test_a_task_is_rendered_while_the_panel_shows_how_far_it_is(desk: Desk, quick_blend: Path) -> None:
    desk.window.screenshot("stopped")
    desk.start()
    desk.wait_for_state("Waiting")
    desk.window.screenshot("waiting")
    waiting = desk.window.aim("Pause", SIDEBAR)
    task = desk.farm.task(desk.farm.job(quick_blend), 1, 2, 3, 4)
    with desk.mid_frame():
        desk.window.find("Rendering", SIDEBAR)
        desk.window.screenshot("rendering")
        rendering = desk.window.aim("Pause", SIDEBAR)
        assert abs(rendering.middle[1] - waiting.middle[1]) < waiting.height  # it is still where the mouse is
    begun = desk.wait_for("progress", desk.part_done, timeout=RENDERED)
    desk.wait_for("more progress", lambda: desk.part_done() > begun, timeout=RENDERED)
    desk.farm.wait_for("finish", task)
    desk.window.find("000004.png", SIDEBAR)
    desk.wait_for_state("Waiting")
    desk.window.find("4 frames", SIDEBAR)
    desk.window.screenshot("rendered")


def test_stop_after_this_task_finishes_it_and_leaves_the_next_to_others(desk: Desk, slow_blend: Path) -> None:
    job = desk.farm.job(slow_blend)
    first, second = desk.farm.task(job, 5), desk.farm.task(job, 6)
    desk.start()
    with desk.mid_frame():
        desk.choose("Stop", "Stop After This Frame", until=f"{SNAPSHOT}.state.value == 'Finishing'")
        desk.wait_for_state("Finishing")
        desk.window.screenshot("finishing")
    desk.wait_for_state("Stopped", timeout=RENDERED)
    assert "finish" in desk.farm.steps(first)
    assert "finish" not in desk.farm.steps(second)
    assert desk.farm.ready() == 1
    assert desk.window.processes().keys() == {desk.window.ask("os.getpid()")}


def test_a_click_shows_the_last_frame_and_leaves_nothing_of_it_in_her_file(
    desk: Desk, slow_blend: Path, opened: Path
) -> None:
    before = desk.window.ask("[image.name for image in bpy.data.images]")
    job = desk.farm.job(slow_blend)
    task = desk.farm.task(job, 5)
    desk.start()
    desk.farm.wait_for("finish", task)
    desk.window.click("000005.png", SIDEBAR, until=opened.exists)
    assert opened.read_text().splitlines()[-1] == f"{desk.farm.frame(job, '000005.png')}"
    assert desk.window.ask("[image.name for image in bpy.data.images]") == before


def test_pause_holds_the_render_where_it_is(desk: Desk, quick_blend: Path) -> None:
    desk.farm.task(desk.farm.job(quick_blend), *MANY)
    desk.start()
    child = desk.wait_for_render()
    desk.window.click("Pause", SIDEBAR, until=f"{SNAPSHOT}.state.value == 'Paused'")
    desk.wait_for_state("Paused")
    desk.wait_for("a suspended child", lambda: state_of(child) == "T")
    desk.window.screenshot("paused")
    before = desk.snapshot("frames")
    desk.window.click("Go On", SIDEBAR, until=f"{SNAPSHOT}.state.value == 'Rendering'")
    desk.wait_for("a child that goes on", lambda: state_of(child) != "T")
    desk.wait_for("another frame", lambda: desk.snapshot("frames") > before, timeout=RENDERED)
    assert desk.children() == [child]


def test_a_pause_of_the_farm_is_shown_as_its_and_she_can_go_on_all_the_same(desk: Desk, quick_blend: Path) -> None:
    with pika.BlockingConnection(pika.URLParameters(desk.farm.url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("bender-hello", "topic", durable=True)
        hellos = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(hellos, "bender-hello", "hello.#")
        desk.start()
        desk.wait_for_state("Waiting")
        method, _, body = next(channel.consume(hellos, inactivity_timeout=DEADLINE))
        assert method is not None
        assert body is not None
        worker, run = method.routing_key.removeprefix("hello."), json.loads(body)["run"]
        order = message(Order("pause", by="Ada"), worker=worker, run=run, number=1, keys=[])
        channel.basic_publish("bender-control", worker, order)
        desk.wait_for_state("Paused")
        desk.window.find("by the farm (Ada)", SIDEBAR)
        desk.window.screenshot("paused-by-the-farm")
        desk.farm.task(desk.farm.job(quick_blend), *MANY)
        desk.window.click("Go On", SIDEBAR, until=f"{SNAPSHOT}.state.value == 'Rendering'")
        desk.window.find("Pause", SIDEBAR)


def test_an_idle_worker_has_nothing_drawn_again(desk: Desk, slow_blend: Path) -> None:
    task = desk.farm.task(desk.farm.job(slow_blend), 1)
    desk.start()
    desk.farm.wait_for("finish", task)
    desk.wait_for_state("Waiting")
    desk.window.find("000001.png", SIDEBAR)
    desk.wait_for("three seconds in which nothing is drawn", lambda: _redraws(desk, seconds=3) == 0)


def test_a_render_has_nothing_drawn_again_while_the_sidebar_is_closed(desk: Desk, quick_blend: Path) -> None:
    desk.farm.task(desk.farm.job(quick_blend), *MANY)
    desk.start()
    desk.wait_for("progress", desk.part_done, timeout=RENDERED)
    desk.window.close_sidebar()
    desk.wait_for("two frames in which nothing is drawn", lambda: _redraws_while_rendering(desk) == 0, timeout=RENDERED)


def test_a_broker_that_goes_is_told_and_one_that_comes_back_is_used(desk: Desk, slow_blend: Path) -> None:
    desk.start()
    desk.wait_for_state("Waiting")
    desk.farm.rabbit.stop()
    try:
        desk.wait_for_state("Offline")
        desk.window.find("retry", SIDEBAR)
        desk.window.screenshot("offline")
    finally:
        desk.farm.rabbit.start()
    desk.wait_for_state("Waiting", timeout=RENDERED)
    desk.farm.wait_for("finish", desk.farm.task(desk.farm.job(slow_blend), 1))


def test_a_worker_that_cannot_start_says_why(desk: Desk) -> None:
    """Something else stands where its folder should be."""
    data = desk.farm.folder / "data"
    aside = data.with_name("aside")
    data.rename(aside)
    data.write_text("no folder")
    try:
        desk.window.click("Start Rendering", SIDEBAR, until=f"{SNAPSHOT}.state.value == 'Problem'")
        desk.wait_for_state("Problem")
        desk.window.screenshot("problem")
    finally:
        data.unlink()
        aside.rename(data)
    assert not desk.window.ask(f"{SESSION}.running")
    assert str(data) in desk.snapshot("detail")


def _redraws(desk: Desk, *, seconds: float) -> int:
    """How often the viewport or its sidebar was drawn in so many seconds."""
    before = desk.window.ask("sum(redraws.values())")
    time.sleep(seconds)
    return int(desk.window.ask("sum(redraws.values())")) - int(before)


def _redraws_while_rendering(desk: Desk) -> int:
    """The same until two more frames were there."""
    before, enough = desk.window.ask("sum(redraws.values())"), desk.snapshot("frames") + 2
    desk.wait_for("two more frames", lambda: desk.snapshot("frames") >= enough, timeout=RENDERED)
    return int(desk.window.ask("sum(redraws.values())")) - int(before)
