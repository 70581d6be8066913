# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's page in a real browser: what it is and has done, and what it is told to do."""

import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from bender_worker_addon.farm import workers
from bender_worker_addon.farm.database import Database
from bender_worker_addon.server.serve import Server
from tests.page.test_first_screen import HOSTILE
from tools.servers.filled_books import add_job, add_worker


def atlas(folder: Path) -> None:
    add_job(folder, "forest", range(1, 251), {range(1, 121): "Finished", range(121, 122): "Running"}, name="Forest")
    about: dict[str, Any] = {
        "device": "RTX 4090",
        "memory": 12.5,
        "free_disk": 800.0,
        "an_hour": 240,
        "frames": 120,
        "failures": 2,
        "version": "0.0.1",
    }
    add_worker(folder, "atlas", state="Rendering", job="forest", frame=121, blender="5.2.0", run="r", **about)
    with closing(Database(folder)) as database, database.changing() as connection:
        connection.execute("UPDATE task SET worker = 'atlas' WHERE frames = '121'")
        workers.note(connection, "atlas", "finish", "forest", "120", "")
        workers.note(connection, "atlas", "error", "forest", "7", HOSTILE)


def test_it_says_what_it_is_and_what_it_has_done(page: Page, folder: Path) -> None:
    atlas(folder)
    page.get_by_role("link", name="atlas").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("atlas")
    about = page.get_by_role("region", name="About it")
    expect(about).to_contain_text(re.compile(r"Rendersframe 121 of ForestSince.+ ago"))
    for words in ("RTX 4090", "4.0 a minute", "120 frames, 2 failed", "800 GB", "13 GB", "5.2.0", "0.0.1"):
        expect(about).to_contain_text(words)
    happened = page.get_by_role("region", name="What has happened")
    expect(happened).to_contain_text("finished 120 of Forest")
    expect(happened).to_contain_text(HOSTILE)
    happened.get_by_role("link", name="7 of Forest").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Forest")


def test_it_is_paused_and_stopped_from_here(page: Page, folder: Path) -> None:
    atlas(folder)
    page.evaluate("location.hash = '#/worker/atlas'")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("atlas is told: pause.")).to_be_visible()
    add_worker(folder, "atlas", state="Paused", run="r")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("atlas is told: resume.")).to_be_visible()
    page.get_by_role("button", name="Stop now").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop now").click()
    expect(page.get_by_text("atlas is told: stop now.")).to_be_visible()
    with closing(Database(folder)) as database, database.looking() as connection:
        bodies = connection.execute("SELECT body FROM command WHERE worker = 'atlas' ORDER BY number").fetchall()
    told = [json.loads(body)["do"] for (body,) in bodies]
    assert told == ["pause", "resume", "stop-now"]


def test_its_access_is_taken_away(page: Page, server: Server, folder: Path) -> None:
    add_worker(folder, "atlas", state="Waiting")
    joined = page.request.post(server.links.join, data={"name": "atlas", "id": "atlas"})
    assert joined.ok
    page.evaluate("location.hash = '#/worker/atlas'")
    page.get_by_role("button", name="Take its access away …").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it away").click()
    expect(page.get_by_text("atlas has no access any more.")).to_be_visible()


def test_it_is_called_as_somebody_has_named_it_or_as_its_machine(page: Page, folder: Path) -> None:
    add_worker(folder, "atlas")
    add_worker(folder, "0f8fad5b-d9cb-469f-a165-70867728950e")
    for worker in ("atlas", "0f8fad5b-d9cb-469f-a165-70867728950e"):
        add_worker(folder, worker, name="host-7")
    expect(page.locator(".worker .name")).to_have_text(["atlas", "host-7"])


def test_one_that_is_forgotten_is_gone_from_every_page_that_is_open(page: Page, folder: Path) -> None:
    for worker in ("atlas", "kiste"):
        add_worker(folder, worker, an_hour=240)
    expect(page.locator(".worker")).to_have_text([re.compile("^atlas.*4.0 a min$"), re.compile("^kiste")])
    with closing(Database(folder)) as database, database.changing() as connection:
        connection.execute("DELETE FROM worker WHERE id = 'atlas'")
    expect(page.locator(".worker .name")).to_have_text(["kiste"])


def test_what_can_t_go_on_needs_somebody(page: Page, folder: Path) -> None:
    add_worker(folder, "atlas", state="Problem", detail="the disk is full: free some space")
    needs = page.get_by_role("region", name="Needs you")
    expect(needs).to_contain_text("go on")
    expect(needs).to_contain_text("the disk is full")
    add_worker(folder, "atlas", state="Waiting")
    expect(needs).to_be_hidden()


@pytest.mark.parametrize(
    "context",
    [{"color_scheme": "dark"}, {"color_scheme": "light"}, {"viewport": {"width": 360, "height": 740}}],
    indirect=True,
    ids=["dark", "light", "phone"],
)
def test_anybody_can_use_it(page: Page, folder: Path, shot: Path, request: pytest.FixtureRequest) -> None:
    atlas(folder)
    page.evaluate("location.hash = '#/worker/atlas'")
    expect(page.get_by_text("finished 120 of Forest")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=shot / f"worker-{request.node.callspec.id}.png", full_page=True)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
