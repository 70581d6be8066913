# SPDX-License-Identifier: GPL-3.0-or-later
"""The first screen in a real browser: come in, see what the farm is about, change it, and see others change it."""

import re
import time
from contextlib import closing
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from bender_worker_addon.farm import changes
from bender_worker_addon.farm.database import Database
from bender_worker_addon.server.serve import Server
from tests.farm.serving import Farm
from tools.servers.filled_books import add_job, add_worker

HOSTILE = "<img src=x onerror=alert(1)>\"'&`${1}</script><b>\u202eevil"
CONSOLE_OF_A_LOST_LINE = re.compile(r"ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY")


def busy(folder: Path) -> None:
    add_job(folder, "forest", range(1, 251), {range(1, 121): "Finished", range(121, 125): "Running"}, name="Forest")
    wrong = {range(1, 40): "Finished", range(40, 43): "Errored"}
    add_job(folder, "kitchen", range(1, 73), wrong, name="Kitchen", person="jo", error="out of GPU memory", old=7200)
    add_worker(folder, "atlas", state="rendering", job="forest", frame=121, device="RTX 4090")
    add_worker(folder, "silent-1", ago=700, state="rendering", job="forest", frame=122)


def test_the_link_opens_the_page_and_its_key_stays_nowhere(page: Page, server: Server, context: BrowserContext) -> None:
    assert server.links.key not in page.url
    assert server.links.key not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("A farm in two steps.")


def test_without_the_key_it_asks_for_it(server: Server, context: BrowserContext, complaints: list[str]) -> None:
    page = context.new_page()
    page.goto(server.links.page.partition("#")[0])
    key = page.get_by_label("Key")
    key.fill("a wrong one")
    page.get_by_role("button", name="Come in").click()
    expect(page.get_by_text("This farm wants a key")).to_be_visible()
    page.get_by_label("Key").fill(server.links.key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("A farm in two steps.")
    complaints[:] = [said for said in complaints if "401" not in said]


def test_one_sentence_says_it_and_what_is_wrong_needs_somebody(page: Page, folder: Path) -> None:
    busy(folder)
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        re.compile(r"Rendering 1 job on 1 machine, done about .+; 1 more waits\.")
    )
    needs = page.get_by_role("region", name="Needs you")
    for number in range(2, 9):
        add_worker(folder, f"silent-{number}", ago=700, state="rendering")
    expect(needs.get_by_role("listitem")).to_have_count(4)
    needs.get_by_role("button", name="Show 5 more").click()
    expect(needs.get_by_role("listitem")).to_have_count(9)
    expect(needs).to_contain_text("3 frames of “Kitchen” failed")
    expect(needs).to_contain_text("out of GPU memory")
    expect(needs).to_contain_text("silent-1 was last heard 12 min ago")
    expect(needs.get_by_role("link", name="Look at it").first).to_have_attribute("href", "#/worker/silent-1")
    row = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Forest", exact=True))
    expect(row).to_contain_text("120 of 250 frames")
    expect(row).to_contain_text(re.compile("about .* left"))
    expect(row.get_by_role("img")).to_have_attribute("aria-label", "120 finished, 4 rendering, 126 waiting")


def test_what_one_changes_the_other_sees(page: Page, context: BrowserContext, server: Server, folder: Path) -> None:
    busy(folder)
    other = context.new_page()
    other.goto(server.links.page)
    page.get_by_role("button", name="Pause “Forest”").click()
    expect(other.get_by_role("button", name="Resume “Forest”")).to_be_visible()
    other.get_by_role("button", name="More for “Forest”").click()
    other.get_by_role("menuitem", name="Priority (0) …").click()
    other.get_by_label("Priority", exact=True).fill("7")
    other.get_by_role("button", name="Set it").click()
    expect(page.get_by_text("priority 7")).to_be_visible()
    other.get_by_role("button", name="More for “Kitchen”").click()
    other.get_by_role("menuitem", name="Delete …").click()
    other.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("link", name="Kitchen", exact=True)).to_have_count(0)


def test_what_was_stopped_is_not_what_somebody_has_paused(page: Page, folder: Path) -> None:
    add_job(folder, "kitchen", range(1, 9), {range(1, 4): "Errored"}, name="Kitchen", error="frame 1: no camera")
    expect(page.get_by_role("region", name="Needs you")).to_contain_text(re.compile("failedno camera"))
    with closing(Database(folder)) as database, database.changing() as connection:
        changes.stop(connection, "kitchen", "three in a row")
    expect(page.get_by_role("heading", level=1)).to_have_text("The only job that is left is stopped.")
    expect(page.locator("job-row .state")).to_have_text("Stopped")
    with closing(Database(folder)) as database, database.changing() as connection:
        changes.resume(connection, "kitchen")
        changes.pause(connection, "kitchen")
    expect(page.get_by_role("heading", level=1)).to_have_text("The only job that is left is paused.")
    expect(page.locator("job-row .state")).to_have_text("Paused")


def test_retry_is_one_click(page: Page, folder: Path) -> None:
    busy(folder)
    page.get_by_role("region", name="Needs you").get_by_role("button", name="Retry").click()
    expect(page.get_by_text("3 tasks of “Kitchen” are queued again.")).to_be_visible()
    expect(page.get_by_role("region", name="Needs you")).not_to_contain_text("Kitchen")


def test_the_keyboard_alone_does_it(page: Page, folder: Path) -> None:
    busy(folder)
    expect(page.get_by_role("button", name="Pause “Forest”")).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.title") == "More for “Forest”":
            break
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Cancel …")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="More for “Forest”")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Canceled", exact=True)).to_be_visible()


def test_names_errors_and_machines_are_text_whatever_is_in_them(page: Page, folder: Path) -> None:
    add_job(folder, "evil", range(1, 4), {range(1, 4): "Errored"}, name=HOSTILE, person=HOSTILE, error=HOSTILE)
    add_worker(folder, HOSTILE[:40], state=HOSTILE, job=HOSTILE, frame={"a": [HOSTILE]}, device=HOSTILE)
    add_worker(folder, "odd", name=7, state=[], job={}, frame="x", device=None, heart_rate="often")
    expect(page.get_by_role("link", name=HOSTILE, exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Needs you")).to_contain_text(HOSTILE)
    expect(page.get_by_role("link", name=HOSTILE[:40]).first).to_be_visible()
    assert not page.query_selector_all("job-row b, .needs b, .worker b, main script, img[src=x]")


def test_a_server_that_is_killed_is_told_in_every_window_and_come_back_to(
    context: BrowserContext, tmp_path: Path, complaints: list[str]
) -> None:
    farm = Farm(tmp_path)
    try:
        busy(tmp_path / "farm")
        windows = [context.new_page() for _ in range(2)]
        for window, rest in zip(windows, ("", "/job/kitchen/41"), strict=True):
            window.goto(f"{farm.base}/#key={farm.key}")
            expect(window.get_by_role("link", name="Kitchen", exact=True)).to_be_visible()
            window.evaluate("address => location.hash = address", f"#{rest}")
        page, other = windows
        expect(other.locator("pre")).to_contain_text("out of GPU memory")
        farm.server.kill()
        for window in windows:
            expect(window.get_by_text("The connection is lost; trying again …")).to_be_visible()
        expect(page.get_by_role("link", name="Kitchen", exact=True)).to_be_visible()
        page.get_by_role("button", name="Pause “Kitchen”").click()
        expect(page.get_by_text("The farm can't be reached; nothing was changed.")).to_be_visible()
        with closing(Database(tmp_path / "farm")) as database, database.changing() as connection:
            connection.execute("DELETE FROM worker WHERE id = 'silent-1'")
        farm.start()
        for window in windows:
            expect(window.get_by_text("live", exact=True)).to_be_visible()
        expect(page.locator(".worker .name")).to_have_text(["atlas"])
        page.get_by_role("button", name="Pause “Kitchen”").click()
        expect(other.get_by_text("Paused", exact=True)).to_be_visible()
        other.get_by_role("button", name="Retry 3 failed frames").click()
        expect(page.get_by_role("region", name="Needs you")).to_be_hidden()
        for window in windows:
            window.goto("about:blank")
    finally:
        farm.close()
    assert complaints
    complaints[:] = [said for said in complaints if not CONSOLE_OF_A_LOST_LINE.search(said)]


def test_a_tab_that_nobody_looks_at_holds_no_connection_for_long(
    server: Server, context: BrowserContext, folder: Path
) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(server.links.page)
    page.wait_for_selector('body[data-connection="live"]')
    look = (
        "state => { Object.defineProperty(document, 'visibilityState', { configurable: true, value: state });"
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )
    page.evaluate(look, "hidden")
    page.clock.fast_forward(599_000)
    add_job(folder, "one", range(1, 4), name="The first")
    expect(page.get_by_role("link", name="The first", exact=True)).to_be_visible()
    page.clock.fast_forward(2_000)
    add_job(folder, "two", range(1, 4), name="The second")
    page.wait_for_timeout(1_500)
    expect(page.get_by_role("link", name="The second", exact=True)).to_have_count(0)
    page.evaluate(look, "visible")
    expect(page.get_by_role("link", name="The second", exact=True)).to_be_visible()


def test_the_line_by_which_machines_join_is_copied_by_a_click(
    page: Page, context: BrowserContext, folder: Path
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the line").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    line = page.evaluate("navigator.clipboard.readText()")
    command, _, link = line.rpartition(" ")
    assert command == "blender --command bender_worker join"
    with closing(Database(folder)) as database, database.looking() as connection:
        (codes,) = connection.execute("SELECT count(*) FROM credential WHERE kind = 'join'").fetchone()
    assert codes == 2
    answer = page.request.post(link, data={"name": "new"})
    assert answer.ok
    assert "bender_url" in answer.json()


def test_a_blend_that_is_dropped_becomes_a_job_though_nobody_can_look_into_it(page: Page, folder: Path) -> None:
    drop = (
        "() => { const data = new DataTransfer();"
        " data.items.add(new File(['BLENDER17-01v0502' + 'x'.repeat(3_000_000)], 'Shot 7.blend'));"
        " for (const what of ['dragover', 'drop'])"
        " document.body.dispatchEvent(new DragEvent(what, { dataTransfer: data, bubbles: true, cancelable: true })) }"
    )
    page.evaluate(drop)
    sending = page.get_by_role("dialog", name="Send Shot 7")
    expect(sending).to_contain_text("server has no Blender to look into it")
    sending.get_by_label("Frames", exact=True).fill("1-100,120-200x5,7-")
    sending.get_by_role("button", name="Send it").click()
    assert (
        sending.get_by_label("Frames", exact=True).evaluate("field => field.validationMessage").startswith("Frames are")
    )
    sending.get_by_label("Frames", exact=True).fill("1-100, 120-200x5")
    expect(sending).to_contain_text("117 frames")
    sending.get_by_label("Format").select_option("OPEN_EXR")
    sending.get_by_label("Frames a second").fill("25")
    sending.get_by_label("Your name").fill("Jo")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Shot 7")
    expect(page.get_by_text("0 of 117 frames")).to_be_visible()
    expect(page.get_by_text(re.compile("sent by Jo .* · OPEN_EXR · 25 frames a second"))).to_be_visible()
    (blend,) = folder.glob("jobs/*/scene.blend")
    assert blend.stat().st_size == 3_000_017
    page.get_by_role("link", name="All jobs").click()
    page.evaluate(drop)
    expect(sending.get_by_label("Your name")).to_have_value("Jo")
    page.keyboard.press("Escape")
    expect(sending).to_have_count(0)


def test_jobs_are_found_and_the_address_says_so(page: Page, folder: Path) -> None:
    for number in range(30):
        add_job(folder, f"job-{number}", range(1, 3), {range(1, 3): "Finished"}, name=f"Shot {number:03}")
    for number in range(30, 32):
        add_job(folder, f"job-{number}", range(1, 3), {range(1, 3): "Errored"}, name=f"Shot {number:03}", error="x")
    expect(page.locator("job-row")).to_have_count(12)
    page.get_by_role("button", name="Failed 2", exact=True).click()
    expect(page.locator("job-row .name")).to_have_text(["Shot 031", "Shot 030"])
    expect(page).to_have_url(re.compile(r"\?state=Failed$"))
    page.get_by_role("button", name="More for all these jobs").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.get_by_role("menuitem", name="Delete 2 jobs that are over …").click()
    expect(page.get_by_role("dialog")).to_contain_text("“Shot 031”, “Shot 030”: the farm forgets them")
    page.get_by_role("button", name="Delete them").click()
    expect(page.get_by_text("2 jobs are deleted.")).to_be_visible()
    expect(page.get_by_text("There is no such job.")).to_be_visible()
    page.get_by_role("button", name="All 30", exact=True).click()
    page.get_by_role("button", name="Show 18 older jobs").click()
    expect(page.locator("job-row")).to_have_count(30)
    page.go_back()
    expect(page.locator("job-row")).to_have_count(12)
    page.get_by_label("Find jobs").fill("shot 01")
    expect(page.locator("job-row")).to_have_count(10)
    expect(page).to_have_url(re.compile(r"find=shot\+01$"))
    page.reload()
    expect(page.locator("job-row")).to_have_count(10)
    expect(page.get_by_label("Find jobs")).to_have_value("shot 01")


def test_a_page_that_was_left_leaves_nothing_behind(page: Page, folder: Path) -> None:
    busy(folder)
    kitchen = page.get_by_role("link", name="Kitchen", exact=True)
    expect(kitchen).to_be_visible()
    browser = page.context.new_cdp_session(page)

    def nodes() -> int:
        browser.send("HeapProfiler.collectGarbage")
        counted: int = browser.send("Memory.getDOMCounters")["nodes"]
        return counted

    before = nodes()
    for _ in range(2):
        kitchen.click()
        expect(page.locator("job-page pre, job-page .cell").first).to_be_visible()
        page.get_by_role("link", name="All jobs").click()
        expect(page.locator(".worker")).to_have_count(2)
        page.get_by_role("link", name="atlas").first.click()
        expect(page.get_by_role("region", name="About it")).to_be_visible()
        page.get_by_role("link", name="The farm").click()
        expect(kitchen).to_be_visible()
    deadline = time.monotonic() + 30
    while nodes() > before * 1.3:
        assert time.monotonic() < deadline


@pytest.mark.parametrize(
    "context",
    [
        {"color_scheme": "dark"},
        {"color_scheme": "light"},
        {"viewport": {"width": 360, "height": 740}},
        {"viewport": {"width": 3840, "height": 2160}},
    ],
    indirect=True,
    ids=["dark", "light", "phone", "4K"],
)
def test_anybody_can_use_it(page: Page, folder: Path, shot: Path, request: pytest.FixtureRequest) -> None:
    busy(folder)
    expect(page.get_by_role("link", name="Kitchen", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=shot / f"first-{request.node.callspec.id}.png", full_page=True)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_who_wants_it_is_told_when_a_job_is_done_or_needs_somebody(page: Page, folder: Path) -> None:
    """What the browser would show on the desktop is caught before: there is none here."""
    page.add_init_script(
        "window.notices = [];"
        "window.Notification = class { static permission = 'granted';"
        " constructor(title, { body }) { window.notices.push([title, body]) } };"
        "Document.prototype.hasFocus = () => false"
    )
    page.reload()
    page.get_by_role("button", name="Tell me when something happens").click()
    busy(folder)
    expect(page.get_by_role("link", name="Kitchen", exact=True)).to_be_visible()
    add_job(folder, "teaser", range(1, 4), {range(1, 4): "Finished"}, name="Teaser")
    expect(page.get_by_role("link", name="Teaser", exact=True)).to_be_visible()
    notices = page.evaluate("window.notices")
    assert ["“Teaser” is done", ""] in notices
    assert ["3 frames of “Kitchen” failed", "out of GPU memory"] in notices
    assert [title for title, _ in notices if title.startswith("silent-1 was last heard")]
    assert len(notices) == 3
