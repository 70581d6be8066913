# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser before a real server. What the page complains of in its console fails its test."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from bender_worker_addon.server.serve import Server
from bender_worker_addon.settings.config import WorkerConfig
from tools.check import browser as tools_browser
from tools.errors import ToolError

PATIENCE = 30_000  # ms, for what the page is to show
expect.set_options(timeout=PATIENCE)  # which knows nothing of the context's


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for each module: while there is one its event loop runs in this thread, where other tests have theirs."""
    try:
        program = tools_browser.chromium()
    except ToolError as error:
        pytest.skip(f"Chromium: {error}")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=tools_browser.ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The farm's."""
    return tmp_path / "farm"


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """One on this machine's own queue, in this process."""
    config = WorkerConfig(
        queue="local", farm_dir=folder, blendpath=folder / "jobs", outpath=folder / "frames", id="farm"
    )
    with closing(Server(config, host="127.0.0.1", port=0)) as made:
        yield made


@pytest.fixture
def complaints() -> list[str]:
    """What the page complains of; a test that wants some takes them out."""
    return []


@pytest.fixture
def context(chromium: Browser, complaints: list[str], request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A person's browser; a test may choose how it is by `parametrize("context", [{…}], indirect=True)`."""
    options = getattr(request, "param", {})
    made = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    made.set_default_timeout(PATIENCE)
    made.on("weberror", lambda error: complaints.append(str(error.error)))
    made.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    yield made
    made.close()
    assert not complaints


@pytest.fixture
def page(server: Server, context: BrowserContext) -> Page:
    """The page, come in by its link."""
    made = context.new_page()
    made.goto(server.links.page)
    made.wait_for_selector('body[data-connection="live"]')
    return made


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where pictures of what is tested go that somebody wants to look at: `$BENDER_WORKER_PICTURES`."""
    place = os.environ.get("BENDER_WORKER_PICTURES")
    folder = Path(place) if place else Path(request.getfixturevalue("tmp_path"))
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
