# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a farm's page for the README: a real farm of three machines in the middle of its work. Runs in the
tests' environment: `python -m tools.demo.page_picture docs/pictures/page.png`."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools.blenders import blenders, scenes
from tools.build import package
from tools.check import browser
from tools.process import say
from tools.servers.served_farm import ServedFarm

_PERSON = "mara"
_MACHINES = ("atlas", "kiste", "studio-3")
_JOBS = {  # their scenes, how these are made, and their frames
    "Cube, take 3": ("trivial", {}, 16),
    "Flower, shot 010": ("sample", {"frames": 12}, 12),
    "Flower, shot 020": ("sample", {"frames": 40, "width": 480, "height": 270}, 40),
    "Flower, shot 030": ("sample", {"frames": 240}, 240),
}
_SHOWN, _PART = "Flower, shot 020", 0.55  # whose picture is taken when so much of it is done
_PATIENCE = 900_000.0  # ms


def main(arguments: list[str]) -> int:
    (place,) = arguments
    blender = blenders.find()
    with tempfile.TemporaryDirectory(prefix="bender-worker-picture-") as folder:
        scratch = Path(folder)
        env = package.install(blender, package.build(blender, folder=scratch), scratch / "user") | {"LOGNAME": _PERSON}
        with ServedFarm(blender, env, folder=scratch / "farm") as farm, _page(farm.page) as page:
            for number, (name, (scene, options, frames)) in enumerate(_JOBS.items()):
                blend = scenes.make(blender, scene, scratch / str(number) / f"{name}.blend", **options)
                farm.submit(blend, job=f"job-{number}", frames=f"1-{frames}")
            for name in _MACHINES:
                farm.start_worker(name, log=scratch / f"{name}.log")
            say("Waiting until there is something to see …")
            _wait(page, _JOBS[_SHOWN][2] * _PART)
            page.screenshot(path=place)
    return 0


@contextmanager
def _page(link: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.chromium(), args=browser.ARGUMENTS)
        context = chromium.new_context(viewport={"width": 1280, "height": 860}, color_scheme="dark", locale="en-GB")
        page = context.new_page()
        page.goto(link)
        yield page
        chromium.close()


def _wait(page: Page, frames: float) -> None:
    """Until so many frames of that job are done, and the pictures of all that there is are shown."""
    row = page.locator("job-row").filter(has=page.get_by_role("link", name=_SHOWN)).locator(".foot span").first
    row.wait_for(timeout=_PATIENCE)
    waited = 0.0
    while int(row.inner_text().partition(" of ")[0]) < frames:
        assert waited < _PATIENCE, "the farm renders nothing"
        page.wait_for_timeout(500)
        waited += 500
    page.locator("newest-picture canvas").wait_for(timeout=_PATIENCE)
    page.mouse.move(0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
