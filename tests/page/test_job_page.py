# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's page in a real browser: ten frames or 100,000, from a failed one to the words that say why."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from bender_worker_addon.core import preview
from bender_worker_addon.core.tile import Region, cut
from bender_worker_addon.farm import books
from bender_worker_addon.farm.database import Database
from bender_worker_addon.server.serve import Server
from tests.page.test_first_screen import HOSTILE
from tools.servers.filled_books import add_job, picture

FAILED = {range(1, 101): "Finished", range(101, 103): "Running", range(110, 113): "Errored"}


def open_job(page: Page, job: str, rest: str = "") -> None:
    page.evaluate("address => location.hash = address", f"#/job/{job}{rest}")
    page.locator("job-page .chips button").first.wait_for()


def test_from_what_needs_somebody_to_the_log_and_to_retry(page: Page, folder: Path) -> None:
    add_job(folder, "kitchen", range(1, 251), FAILED, name="Kitchen", error="out of GPU memory")
    page.get_by_role("link", name="3 frames of “Kitchen” failed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Kitchen")
    expect(page.get_by_role("option")).to_have_count(3)
    expect(page.get_by_role("region", name="Why frames failed")).to_contain_text("Frames 110-112")
    about = page.get_by_role("region", name="This frame")
    expect(about.get_by_role("heading", level=2)).to_have_text("Frame 110")
    expect(about.locator("pre")).to_have_text("Fra:1 Mem:512M | Rendering\nError: out of GPU memory")
    page.get_by_role("option", name="Frame 112, failed").click()
    expect(page).to_have_url(re.compile(r"#/job/kitchen/112\?show=Errored$"))
    expect(about.get_by_role("heading", level=2)).to_have_text("Frame 112")
    about.get_by_role("button", name="Retry this frame").click()
    expect(page.get_by_text("1 task of “Kitchen” is queued again.")).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(2)
    page.get_by_role("button", name="Retry 2 failed frames").click()
    expect(page.get_by_text("2 tasks of “Kitchen” are queued again.")).to_be_visible()
    expect(page.get_by_role("button", name="Waiting 148")).to_be_visible()


def test_frames_are_marked_and_retried(page: Page, folder: Path) -> None:
    add_job(folder, "kitchen", range(1, 31), {range(1, 21): "Errored"}, error="x")
    open_job(page, "kitchen")
    page.get_by_role("option", name="Frame 3, failed").click()
    page.get_by_role("option", name="Frame 6, failed").click(modifiers=["Shift"])
    page.get_by_role("option", name="Frame 9, failed").click(modifiers=["Control"])
    expect(page.get_by_text("5 frames marked")).to_be_visible()
    page.get_by_role("button", name="Retry 5 frames").click()
    expect(page.get_by_role("button", name="Failed 15")).to_be_visible()
    expect(page.get_by_role("option", name="Frame 9, waiting")).to_be_visible()


def test_every_frame_has_an_address_and_so_has_a_filter(page: Page, server: Server, folder: Path) -> None:
    add_job(folder, "kitchen", range(1, 251), FAILED, error="x")
    open_job(page, "kitchen", "/42")
    expect(page.get_by_role("region", name="This frame")).to_contain_text("Frame 42")
    expect(page.get_by_text(re.compile(r"a frame rendered every [78]\.\d s"))).to_be_visible()
    page.get_by_role("button", name="Finished 100").click()
    expect(page).to_have_url(re.compile(r"show=Finished$"))
    page.reload()
    expect(page.get_by_role("button", name="Finished 100")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("region", name="This frame")).to_contain_text("Frame 42")
    page.goto(page.url.replace("/42?show=Finished", "/249"))
    expect(page.get_by_role("option", name="Frame 249, waiting")).to_be_in_viewport()
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    page.go_back()
    expect(page.get_by_role("option", name="Frame 42, finished")).to_be_in_viewport()
    page.go_back()
    expect(page.get_by_role("button", name="All 250")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.locator("farm-home")).to_be_visible()


def test_100000_frames_are_no_more_than_what_is_seen_of_them(page: Page, folder: Path) -> None:
    statuses = {range(1, 40_001): "Finished", range(70_000, 70_003): "Errored"}
    add_job(folder, "long", range(1, 100_001), statuses, error="x", seconds=1)
    open_job(page, "long")
    assert page.get_by_role("option").count() < 500
    page.get_by_role("listbox", name="Frames").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("option", name="Frame 100000, waiting")).to_be_visible()
    expect(page.get_by_role("region", name="This frame")).to_contain_text("Frame 100000")
    assert page.get_by_role("option").count() < 500
    expect(page.get_by_role("slider", name="Frame").first).to_have_attribute("aria-valuenow", "100000")
    page.get_by_role("button", name="Failed 3").click()
    expect(page.get_by_role("option")).to_have_count(3)


def test_the_strip_is_a_slider_for_the_mouse_and_for_the_keyboard(page: Page, folder: Path) -> None:
    add_job(folder, "kitchen", range(1, 251), FAILED, error="x")
    open_job(page, "kitchen")
    strip = page.locator("frame-strip")
    box = strip.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.9985, box["y"] + 5)
    expect(strip).to_have_attribute("aria-valuetext", "frame 250, waiting")
    page.keyboard.press("Home")
    expect(strip).to_have_attribute("aria-valuetext", "frame 1, finished")
    page.keyboard.press("ArrowRight")
    expect(strip).to_have_attribute("aria-valuenow", "2")
    colours = strip.evaluate(
        "strip => { const c = strip.firstChild;"
        " const row = c.getContext('2d').getImageData(0, 5, c.width, 1).data;"
        " const at = part => row.slice(4 * Math.floor(c.width * part)).slice(0, 3).join();"
        " return [at(0.2), at(0.406), at(0.444), at(0.8)] }"
    )
    assert len(set(colours)) == 4


def test_a_picture_is_seen_to_grow_tile_by_tile(page: Page, folder: Path, complaints: list[str]) -> None:
    add_job(folder, "still", range(7, 8), regions=cut(Region(100, 50, 740, 410), 2))
    open_job(page, "still")
    words = page.locator("job-page .progress")
    expect(words).to_contain_text("0 of 1 frame · 0 of 2 tiles")
    expect(page.get_by_text("Frame 7 waits to be rendered.")).to_be_visible()
    with closing(Database(folder)) as database, database.changing() as connection:
        tiles = [task for (task,) in connection.execute("SELECT id FROM task WHERE frame_count = 0 ORDER BY number")]
    for done, task in enumerate(tiles, start=1):
        place = folder / "jobs" / "still" / "tiles" / task / "preview.jpg"
        place.parent.mkdir(parents=True)
        place.write_bytes(picture(24, 27, done))
        with closing(Database(folder)) as database, database.changing() as connection:
            connection.execute("UPDATE task SET status = 'Finished' WHERE id = ?", (task,))
            books.has_changed(connection, "still")
        expect(words).to_contain_text(f"{done} of 2 tiles")
        canvas = page.locator("frame-viewer canvas")
        expect(canvas).to_be_visible()
        seen = (
            "done => { const c = document.querySelector('frame-viewer canvas');"
            " const copy = new OffscreenCanvas(c.width, c.height).getContext('2d', { willReadFrequently: true });"
            " copy.drawImage(c, 0, 0);"
            " const parts = [0.25, 0.75].map(x => copy.getImageData(x * c.width, 9, 1, 1).data[3]);"
            " return parts.filter(Boolean).length == done }"
        )
        page.wait_for_function(seen, arg=done)
        assert canvas.evaluate("c => [c.width, c.height]") == [480, 270]
    assert complaints == []


def test_a_job_gets_another_name_while_somebody_else_looks(
    page: Page, context: BrowserContext, server: Server, folder: Path, complaints: list[str]
) -> None:
    add_job(folder, "kitchen", range(1, 31), name="Kitchen")
    other = context.new_page()
    other.goto(server.links.page)
    open_job(other, "kitchen")
    open_job(page, "kitchen")
    page.get_by_role("button", name="More for “Kitchen”").click()
    page.get_by_role("menuitem", name="Rename …").click()
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(other.get_by_role("heading", level=1)).to_have_text(HOSTILE.replace("\u202e", " "))
    page.get_by_role("button", name="More for").click()
    page.get_by_role("menuitem", name="Delete …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(other.get_by_text("There is no such job (any more).")).to_be_visible()
    complaints[:] = [said for said in complaints if "404" not in said]  # it may be asked after before that is told


def test_it_plays_what_is_there_as_a_film_and_shows_it_closely(page: Page, folder: Path) -> None:
    frames = folder / "frames" / "kitchen"
    frames.mkdir(parents=True)
    for number in range(1, 25):
        (frames / f"{number:06d}.png").write_bytes(picture(*(64, 36) if number < 24 else (1920, 1080), number))
    add_job(folder, "kitchen", range(1, 49), {range(1, 25): "Finished"}, name="Kitchen", image_format="PNG")
    open_job(page, "kitchen", "/1")
    shown = page.locator("frame-viewer canvas")
    expect(shown).to_have_attribute("aria-label", "Frame 1")
    assert shown.evaluate("canvas => [canvas.width, canvas.height]") == [64, 36]
    expect(page.locator(".cell canvas")).to_have_count(24)
    large = page.get_by_role("option", name="Frame 24, finished").locator("canvas")
    assert large.evaluate("canvas => [canvas.width, canvas.height]") == [480, 270]
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".at")).to_have_text(re.compile("^[1-4][0-9]$"))
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    page.get_by_role("group", name="Picture").press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("slider", name="Frame").nth(1).fill("4")
    expect(shown).to_have_attribute("aria-label", "Frame 5")
    expect(page).to_have_url(re.compile("#/job/kitchen/5$"))
    page.get_by_role("group", name="Picture").press("+")
    assert "scale(1.5)" in shown.evaluate("canvas => canvas.style.transform")
    page.get_by_role("group", name="Picture").press("0")
    assert shown.evaluate("canvas => canvas.style.transform") == ""
    page.get_by_role("group", name="Picture").press("ArrowRight")
    expect(shown).to_have_attribute("aria-label", "Frame 6")
    page.get_by_role("slider", name="Frame").nth(1).fill("20")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".at")).to_have_text(re.compile("^([1-9]|1[0-9])$"))  # anew behind 24, the last that is there
    page.get_by_role("link", name="All jobs").click()
    expect(page.locator("farm-home")).to_be_visible()
    expect(page).to_have_url(re.compile("#/$"))


def test_frames_of_formats_that_no_browser_knows_are_seen_by_their_previews(page: Page, folder: Path) -> None:
    add_job(folder, "kitchen", range(1, 49), {range(1, 25): "Finished"}, name="Kitchen", image_format="OPEN_EXR")
    previews = folder / "jobs" / "kitchen" / preview.FOLDER
    previews.mkdir()
    few = (*range(1, 20), 22)
    for number in few:
        (previews / preview.name_of(number)).write_bytes(picture(48, 27, number))
    with Database(folder).changing() as connection:
        books.has_changed(connection, "kitchen")
    expect(page.locator(".thumb canvas")).to_be_visible()
    open_job(page, "kitchen", "/3")
    expect(page.locator(".cell canvas")).to_have_count(len(few))
    expect(page.get_by_role("option", name="Frame 24, finished")).to_contain_text("no preview")
    (previews / preview.name_of(24)).write_bytes(picture(48, 27, 24))  # one that comes late
    expect(page.locator(".cell canvas")).to_have_count(len(few) + 1)
    shown = page.locator("frame-viewer canvas")
    expect(shown).to_have_attribute("aria-label", "Frame 3")
    assert shown.evaluate("canvas => [canvas.width, canvas.height]") == [48, 27]
    page.get_by_role("option", name="Frame 23, finished").click()
    expect(page.get_by_text("Frame 23 is rendered, but no preview was made of it.")).to_be_visible()
    page.get_by_role("listbox", name="Frames").press("End")
    expect(page.get_by_text("Frame 48 waits to be rendered.")).to_be_visible()


def test_what_failed_or_may_be_wrong_says_so_as_text(page: Page, folder: Path) -> None:
    all_failed = {range(1, 4): "Errored"}
    add_job(folder, "evil", range(1, 4), all_failed, name=HOSTILE, person=HOSTILE, error=HOSTILE, preflight=[HOSTILE])
    with Database(folder).changing() as connection:
        connection.execute("INSERT INTO warning VALUES ('evil', ?, '1-3')", (HOSTILE,))
        books.has_changed(connection, "evil")
    open_job(page, "evil", "/1")
    expect(page.get_by_role("region", name="Why frames failed")).to_contain_text(HOSTILE)
    expect(page.locator("pre")).to_contain_text(HOSTILE)
    expect(page.get_by_role("region", name="What may be wrong with frames")).to_contain_text(f"Frames 1-3: {HOSTILE}")
    warned = page.get_by_role("region", name="What its sender was warned of")
    expect(warned).to_contain_text(HOSTILE.replace("\u202e", " "))
    assert not page.query_selector_all("main p b, main pre b, main script, img[src=x]")


def test_frames_are_downloaded(page: Page, folder: Path) -> None:
    add_job(folder, "kitchen", range(1, 4), {range(1, 4): "Finished"}, name="Kitchen", image_format="PNG")
    frames = folder / "frames" / "kitchen"
    frames.mkdir(parents=True)
    for number in range(1, 4):
        (frames / f"{number:06d}.png").write_bytes(picture(16, 9, number))
    open_job(page, "kitchen", "/2")
    with page.expect_download() as whole:
        page.get_by_role("link", name="Download", exact=True).click()
    assert whole.value.suggested_filename == "kitchen.zip"
    with page.expect_download() as one:
        page.get_by_role("link", name="Download this frame").click()
    assert one.value.suggested_filename == "000002.png"
    assert one.value.path().read_bytes() == (frames / "000002.png").read_bytes()


@pytest.mark.parametrize(
    "context",
    [{"color_scheme": "dark"}, {"color_scheme": "light"}, {"viewport": {"width": 360, "height": 740}}],
    indirect=True,
    ids=["dark", "light", "phone"],
)
def test_anybody_can_use_it(page: Page, folder: Path, shot: Path, request: pytest.FixtureRequest) -> None:
    add_job(folder, "kitchen", range(1, 251), FAILED, name="Kitchen", person="jo", error="out of GPU memory")
    open_job(page, "kitchen", "/111")
    expect(page.locator("pre")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=shot / f"job-{request.node.callspec.id}.png", full_page=True)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
