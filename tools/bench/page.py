# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench of the farm's page: a real Chromium before 500 jobs, 200 machines and a job of 100 000 frames that change
all the time. Measures and tells; asserts nothing. Runs in the tests' environment, which has what drives a browser."""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bender_worker_addon.farm import books
from bender_worker_addon.farm.database import Database
from tools.check import browser
from tools.errors import ToolError
from tools.leash import Leashed
from tools.process import say
from tools.servers.filled_books import add_job, add_worker

JOBS, MACHINES, FRAMES = 500, 200, 100_000
_LOADS = 7
_CHANGES = 20.0  # a second
_SERVE = "import sys; from bender_worker_addon.server.standalone import main; sys.exit(main(sys.argv[1:]))"
_START = 60.0  # seconds

# What the browser itself measures: how long after an input the screen shows what came of it, and how long a frame of
# the screen took while somebody scrolled.
_WATCH = """
window.inputs = [];
new PerformanceObserver((list) => window.inputs.push(...list.getEntries().map((entry) => [entry.duration, entry.name])))
  .observe({ type: "event", durationThreshold: 16, buffered: true });
new MutationObserver(() => {
  window.filled ??= document.querySelectorAll("job-row").length > 10 ? performance.now() : undefined;
}).observe(document, { childList: true, subtree: true });
"""
_FRAMES = """
() => new Promise((done) => {
  const frames = []; let last = performance.now();
  const next = (now) => {
    frames.push(now - last);
    last = now;
    if (frames.length < 90) requestAnimationFrame(next); else done(frames);
  };
  requestAnimationFrame(next);
})
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="build.py bench page")
    parser.add_argument("--quick", action="store_true", help="20 s of changes instead of two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bender-worker-bench-") as scratch, sync_playwright() as playwright:
        farm = Path(scratch) / "farm"
        say(f"Filling books with {JOBS} jobs, {MACHINES} machines and a job of {FRAMES} frames …")
        _fill(farm)
        chromium = playwright.chromium.launch(executable_path=browser.chromium(), args=browser.ARGUMENTS)
        with _served(farm, Path(scratch) / "log") as link, _changing(farm):
            figures = _measured(chromium, link, seconds=20 if options.quick else 120)
        chromium.close()
    print(*(f"{name:66}{figure:10.1f}" for name, figure in figures.items()), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _fill(farm: Path) -> None:
    add_job(
        farm, "long", range(1, FRAMES + 1), {range(1, 40_001): "Finished", range(70_000, 70_100): "Errored"}, error="x"
    )
    for number in range(JOBS - 1):
        done = {range(1, 61): "Finished", range(61, 62): "Running"} if number < 60 else {range(1, 101): "Finished"}
        add_job(farm, f"job-{number}", range(1, 101), done, name=f"Shot {number:03}", person="mara")
    for number in range(MACHINES):
        add_worker(farm, f"machine-{number}", state="Rendering", job=f"job-{number % 60}", frame=61, device="RTX 4090")


@contextmanager
def _served(farm: Path, log: Path) -> Iterator[str]:
    options = ["serve", "--queue", "local", "--port", "0", "--json", "--farm-dir", str(farm)]
    server = Leashed([sys.executable, "-c", _SERVE, *options], env=dict(os.environ), log=log)
    try:
        deadline = time.monotonic() + _START
        while not (lines := log.read_text().splitlines() if log.exists() else []) or not lines[0].startswith("{"):
            if server.ended() or time.monotonic() > deadline:
                raise ToolError(f"The farm's server did not start: {log.read_text()}")
            time.sleep(0.05)
        yield json.loads(lines[0])["page"]
    finally:
        server.end()


@contextmanager
def _changing(farm: Path) -> Iterator[None]:
    """Frames become finished and machines are heard, as on a busy farm."""
    over = threading.Event()

    def change() -> None:
        dice = random.Random(1)
        with closing(Database(farm)) as database:
            while not over.wait(1 / _CHANGES):
                job = f"job-{dice.randrange(60)}" if dice.random() < 0.8 else "long"
                with database.changing() as connection:
                    connection.execute(
                        "UPDATE task SET status = 'Finished' WHERE number ="
                        " (SELECT number FROM task WHERE job = ? AND status = 'Waiting' LIMIT 1)",
                        (job,),
                    )
                    books.has_changed(connection, job)
                    connection.execute(
                        "UPDATE worker SET seen = ? WHERE id = ?", (time.time(), f"machine-{dice.randrange(MACHINES)}")
                    )

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _measured(chromium: Browser, link: str, *, seconds: float) -> dict[str, float]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(link)
    page.wait_for_selector("job-row")
    paints, filled = zip(*(_load(page) for _ in range(_LOADS)), strict=True)
    figures = {
        "first paint, ms, median (goal: 300)": statistics.median(paints),
        "jobs and machines are shown, ms, median": statistics.median(filled),
    }
    ways: dict[str, Callable[[Page], None]] = {
        "first screen: menu, search, all jobs": _use_first_screen,
        "job of 100 000 frames: open, strip, keys, filters": _use_job,
    }
    for name, way in ways.items():
        page.evaluate("() => { window.inputs.length = 0 }")
        way(page)
        page.wait_for_timeout(300)
        told = sorted(page.evaluate("window.inputs"))
        inputs = [duration for duration, _ in told] or [0.0]
        say(f"  {name}: the slowest were {told[-3:]}")
        figures[f"{name}: slowest answer, ms (goal: 100)"] = inputs[-1]
        figures[f"{name}: median answer, ms"] = statistics.median(inputs)
    page.mouse.move(1000, 700)
    for _ in range(3):
        page.mouse.wheel(0, 30_000)
    frames = page.evaluate(_FRAMES)
    figures["scrolling 100 000 frames: a frame of the screen, ms, median"] = statistics.median(frames)
    figures["scrolling 100 000 frames: the longest, ms"] = max(frames)
    page.evaluate("() => { location.hash = '#/' }")
    page.wait_for_selector("job-row")
    before = _heap(page)
    say(f"Looking at what {seconds:.0f} s of changes leave behind …")
    page.wait_for_timeout(1000 * seconds)
    figures["memory of the page before, MB"] = before / 1e6
    figures[f"memory of the page after {seconds * 5:.0f} events, MB"] = _heap(page) / 1e6
    return figures


def _load(page: Page) -> tuple[float, float]:
    page.reload()
    page.wait_for_selector("job-row:nth-child(11)")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    page.wait_for_timeout(200)
    return page.evaluate(paint), page.evaluate("window.filled")


def _use_first_screen(page: Page) -> None:
    for _ in range(3):
        page.get_by_role("button", name="More for").first.click()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Escape")
    page.get_by_label("Find jobs").press_sequentially("shot 1", delay=60)
    page.get_by_label("Find jobs").fill("")
    page.get_by_role("button", name="older jobs").click()
    page.wait_for_timeout(500)


def _use_job(page: Page) -> None:
    page.get_by_role("link", name="long", exact=True).click()
    page.locator("job-page .cell").first.wait_for()
    strip = page.locator("frame-strip")
    for part in (0.1, 0.5, 0.9):
        strip.click(position={"x": part * 1000, "y": 5})
    grid = page.get_by_role("listbox", name="Frames")
    grid.focus()
    for key in ["ArrowRight"] * 10 + ["ArrowDown"] * 5 + ["PageDown"] * 3 + ["End", "Home"]:
        page.keyboard.press(key)
    for chip in ("Finished", "Failed", "All"):
        page.get_by_role("group", name="Show only").get_by_role("button", name=chip).click()
        page.wait_for_timeout(150)


def _heap(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    return used


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
