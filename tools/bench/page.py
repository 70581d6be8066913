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
from typing import Self

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bender_worker_addon.core import preview
from bender_worker_addon.farm import books, changes
from bender_worker_addon.farm.database import Database
from tools.check import browser
from tools.errors import ToolError
from tools.leash import Leashed
from tools.process import say
from tools.servers.filled_books import add_job, add_worker, picture

JOBS, MACHINES, FRAMES = 500, 200, 100_000
_AT_WORK = 60  # jobs
_LOADS = 7
_CHANGES = 20.0  # a second
_COME_AND_GO = 1200  # changes after which a job and a machine are new, and others gone
_TOLD = 3600 * 5  # times that a page is told of changes in an hour, at most
_FAST = "from bender_worker_addon.server.web import news; news._LOOK = 0.01; "
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
_NEXT_STATUS = """
UPDATE task SET status = CASE status WHEN 'Waiting' THEN 'Running' WHEN 'Running' THEN 'Finished' ELSE 'Waiting' END
WHERE number = (SELECT min(number) FROM task WHERE job = ?) + ?
"""
_COUNT = """
() => import("/page/farm.js").then(({ farm }) => {
  window.told = 0;
  farm.addEventListener("change", () => window.told++);
})
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
    parser.add_argument("--hour", action="store_true", help="only what an hour of changes leaves behind, told fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bender-worker-bench-") as scratch, sync_playwright() as playwright:
        farm = Path(scratch) / "farm"
        say(f"Filling books with {JOBS} jobs, {MACHINES} machines and a job of {FRAMES} frames …")
        _fill(farm)
        chromium = playwright.chromium.launch(executable_path=browser.chromium(), args=browser.ARGUMENTS)
        rate = 0.0 if options.hour else _CHANGES
        with _served(farm, Path(scratch) / "log", fast=options.hour) as link, _Changing(farm, rate) as changing:
            if options.hour:
                figures = _after_an_hour(chromium, link, changing)
            else:
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
        _add_shot(farm, number)
    for number in range(MACHINES):
        job = f"job-{number % _AT_WORK}"
        add_worker(farm, f"machine-{number}", state="Rendering", job=job, frame=61, device="RTX 4090")


def _add_shot(farm: Path, number: int) -> None:
    """A job; the first ones are at work, and have pictures."""
    at_work = number < _AT_WORK
    done = {range(1, 61): "Finished", range(61, 62): "Running"} if at_work else {range(1, 101): "Finished"}
    add_job(farm, f"job-{number}", range(1, 101), done, name=f"Shot {number:03}", person="mara")
    if at_work:
        previews = farm / "jobs" / f"job-{number}" / preview.FOLDER
        previews.mkdir()
        for frame in range(1, 101):
            (previews / preview.name_of(frame)).write_bytes(picture(96, 54, number + frame))


@contextmanager
def _served(farm: Path, log: Path, *, fast: bool) -> Iterator[str]:
    """`fast`: it looks for changes all the time, and not five times a second."""
    options = ["serve", "--queue", "local", "--port", "0", "--json", "--farm-dir", str(farm)]
    server = Leashed([sys.executable, "-c", (_FAST if fast else "") + _SERVE, *options], env=dict(os.environ), log=log)
    try:
        deadline = time.monotonic() + _START
        while not (lines := log.read_text().splitlines() if log.exists() else []) or not lines[0].startswith("{"):
            if server.ended() or time.monotonic() > deadline:
                raise ToolError(f"The farm's server did not start: {log.read_text()}")
            time.sleep(0.05)
        yield json.loads(lines[0])["page"]
    finally:
        server.end()


class _Changing:
    """Frames become rendered and finished, machines are heard, jobs and machines come and go, as on a busy farm.
    `rate`: so many changes a second; 0: as many as there can be. `count` says how many there were."""

    def __init__(self, farm: Path, rate: float) -> None:
        self._farm = farm
        self._pause = 1 / rate if rate else 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._change)
        self.count = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _change(self) -> None:
        dice = random.Random(1)
        with closing(Database(self._farm)) as database:
            while not self._over.wait(self._pause):
                job = f"job-{dice.randrange(_AT_WORK)}" if dice.random() < 0.8 else "long"
                with database.changing() as connection:
                    connection.execute(_NEXT_STATUS, (job, dice.randrange(100)))
                    books.has_changed(connection, job)
                    machine = f"machine-{dice.randrange(MACHINES)}"
                    connection.execute("UPDATE worker SET seen = ? WHERE id = ?", (time.time(), machine))
                    self.count += 1
                    if self.count % _COME_AND_GO:
                        continue
                    turn = self.count // _COME_AND_GO
                    changes.delete(connection, f"job-{_AT_WORK + turn}")
                    connection.execute("DELETE FROM worker WHERE id = ?", (f"machine-{turn}",))
                add_worker(self._farm, f"machine-{MACHINES + turn}", state="Waiting")
                _add_shot(self._farm, JOBS + turn)


def _measured(chromium: Browser, link: str, *, seconds: float) -> dict[str, float]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(link)
    page.locator("job-row").first.wait_for()
    paints, filled = zip(*(_load(page) for _ in range(_LOADS)), strict=True)
    figures = {
        "first paint, ms, median (goal: 300)": statistics.median(paints),
        "jobs and machines are shown, ms, median": statistics.median(filled),
    }
    ways: dict[str, Callable[[Page], None]] = {
        "first screen: menu, search, all jobs": _use_first_screen,
        "job of 100 000 frames: open, strip, keys, filters": _use_job,
    }
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    for name, way in ways.items():
        page.evaluate("() => { window.inputs.length = 0 }")
        before = _computed(session)
        way(page)
        page.wait_for_timeout(300)
        spent = _computed(session) - before
        told = sorted(page.evaluate("window.inputs"))
        inputs = [duration for duration, _ in told] or [0.0]
        say(f"  {name}: the slowest were {told[-3:]}")
        figures[f"{name}: slowest answer, ms (goal: 100)"] = inputs[-1]
        figures[f"{name}: median answer, ms"] = statistics.median(inputs)
        figures[f"{name}: what the page computed for it in all, ms"] = 1000 * spent
    page.mouse.move(1000, 700)
    for _ in range(3):
        page.mouse.wheel(0, 30_000)
    frames = page.evaluate(_FRAMES)
    figures["scrolling 100 000 frames: a frame of the screen, ms, median"] = statistics.median(frames)
    figures["scrolling 100 000 frames: the longest, ms"] = max(frames)
    page.evaluate("() => { location.hash = '#/' }")
    page.locator("job-row").first.wait_for()
    heap = _heap(page)
    say(f"Looking at what {seconds:.0f} s of changes leave behind …")
    page.wait_for_timeout(1000 * seconds)
    figures["memory of the page before, MB"] = heap / 1e6
    figures[f"memory of the page after {seconds * 5:.0f} events, MB"] = _heap(page) / 1e6
    return figures


def _after_an_hour(chromium: Browser, link: str, changing: _Changing) -> dict[str, float]:
    """As many changes as an hour brings, told as often, on the first screen and now and then on others."""
    page = chromium.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(link)
    page.locator("job-row").first.wait_for()
    page.wait_for_timeout(10_000)
    page.evaluate(_COUNT)
    started, began = changing.count, time.monotonic()
    figures: dict[str, float] = {}
    places = ("#/", "#/job/job-7", "#/", "#/job/long/500", "#/", "#/worker/machine-199", "#/")
    for part, place in enumerate(places, start=1):
        page.evaluate("place => { location.hash = place }", place)
        page.wait_for_timeout(3000)
        figures |= {f"{name}, {place}, {part}": figure for name, figure in _left_behind(page).items()}
        while page.evaluate("window.told") < _TOLD * part / len(places):
            page.wait_for_timeout(1000)
    figures |= {f"{name}, at the end": figure for name, figure in _left_behind(page).items()}
    spent = {"changes": float(changing.count - started), "seconds": time.monotonic() - began}
    return figures | spent | {"times they were told and drawn": page.evaluate("window.told")}


def _left_behind(page: Page) -> dict[str, float]:
    """What the page holds once nothing of it is garbage."""
    heap = _heap(page)
    counted = page.context.new_cdp_session(page).send("Memory.getDOMCounters")
    return {"memory, MB": heap / 1e6, "nodes": counted["nodes"], "listeners": counted["jsEventListeners"]}


def _load(page: Page) -> tuple[float, float]:
    page.reload()
    page.locator("job-row").nth(10).wait_for()
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


def _computed(session: CDPSession) -> float:
    """Seconds of a processor that a page has taken, of which a busy machine makes no more."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def _heap(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    return used


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
