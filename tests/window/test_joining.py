# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist joins a farm of many machines by its link, in the preferences, sends it a scene and looks after her jobs:
nothing is shared with the farm on a disk."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.serving import Farm
from tests.window.conftest import OpenWindow, SceneMaker
from tests.window.desk import Desk, in_force
from tests.window.test_jobs import RENDERED, SHOWN, _send, close_player
from tools.build.package import MODULE
from tools.check.desktop import Rectangle
from tools.check.window import PREFERENCES, SIDEBAR

pytestmark = pytest.mark.both_blenders

VERDICT = f"__import__('sys').modules['{MODULE}.blender.worker.joining'].joining.verdict"


@pytest.fixture
def served(tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path / "farm-machine", amqp_url)
    yield made
    made.close()


def test_a_farm_is_joined_by_its_link_and_her_jobs_are_looked_after(
    open_window: OpenWindow, make_scene: SceneMaker, served: Farm, tmp_path: Path
) -> None:
    blend = make_scene("trivial", frames=3, width=64, height=36, samples=1)
    data = tmp_path / "data"
    unset = ("AMQP_URL", "BENDER_URL", "OUTPATH", "UPLOAD")
    environment = {f"BENDER_WORKER_{name}": "" for name in unset}
    with open_window("joining", blend, environment={**environment, "BENDER_WORKER_DATA_DIR": str(data)}) as desk:
        window = desk.window
        desk.open_preferences()
        desk.unfold_preferences()
        _join(desk, f"{served.base}/join/a-guess", until=f"{VERDICT} and not {VERDICT}.is_good")
        assert "this join code doesn't count" in window.ask(f"{VERDICT}.words")
        assert not (data / "config.toml").exists()
        window.screenshot("no-such-code")
        _join(desk, served.join, until=f"{VERDICT}.is_good")
        window.wait_until(f"{VERDICT}.words.startswith('This machine has joined')")
        window.find("has joined", PREFERENCES)
        window.wait_until(f"{in_force('bender_url')}.endswith({served.base.partition('://')[2]!r})")
        assert stat.S_IMODE((data / "config.toml").stat().st_mode) == 0o600
        token = (data / "config.toml").read_text().partition("http://worker:")[2].partition("@")[0]
        window.find("RabbitMQ: good", PREFERENCES)
        assert token not in window.text(PREFERENCES)
        window.screenshot("joined")
        desk.close_preferences()
        _look_after_jobs(desk, served)
        (listed,) = served.ask("GET", "/api/tokens")
        assert listed["worker"] == window.ask(in_force("id"))
        assert token not in window._log.read_text()


def _join(desk: Desk, link: str, *, until: str) -> None:
    """Presses the button, types the link, confirms."""
    window, screen = desk.window, desk.window.desktop.screen
    window.click("Join a Farm", PREFERENCES, until=lambda: window.sees("Cancel", screen))
    dialog, button = _dialog(desk, "Join", height=90)
    window.fill("Link", link, dialog)
    window.screenshot("link")
    window.click("Join", button, until=until)


def _dialog(desk: Desk, button: str, *, height: int) -> tuple[Rectangle, Rectangle]:
    """What stands so high, without the title, above the buttons of the dialog that has one of this name beside Cancel;
    and where those are."""
    screen = desk.window.desktop.screen

    def buttons() -> tuple[Rectangle, Rectangle] | None:
        words = desk.window.desktop.read(screen)
        for cancel in (word.place for word in words if word.text == "Cancel"):
            for other in (word.place for word in words if word.text == button):
                if abs(cancel.y - other.y) < 8 and cancel.x < other.x:
                    return cancel, other
        return None

    cancel, other = desk.wait_for(f"a dialog with Cancel and {button}", buttons)
    left, right = max(2 * cancel.x - other.x, 0), min(2 * other.x - cancel.x, screen.width)
    dialog = Rectangle(left, max(cancel.y - height, 0), right - left, height)
    return dialog, Rectangle(left, cancel.y - 12, right - left, cancel.height + 24)


def _look_after_jobs(desk: Desk, served: Farm) -> None:
    """Sent, paused, gone on with, rendered elsewhere, fetched, deleted: by the buttons of the tab Bender."""
    window = desk.window
    window.open_sidebar("Bender")
    desk.change_something()
    _send(desk, start_now=False)
    window.wait_until(f"{SHOWN}.details is not None", timeout=RENDERED)
    window.find("1 job waits", SIDEBAR)
    window.click("Pause", SIDEBAR, until=f"{SHOWN}.jobs[0].paused")
    window.find("Paused", SIDEBAR)
    (job,) = served.ask("GET", "/api/jobs")
    assert job["paused"]
    window.screenshot("paused")
    desk.choose("More", "Priority 0...", until="True")
    dialog, button = _dialog(desk, "Set", height=60)
    window.fill("Priority", "7", dialog)
    window.screenshot("priority")
    window.click("Set", button, until=f"{SHOWN}.jobs[0].priority == 7")
    window.click("Resume", SIDEBAR, until=f"not {SHOWN}.jobs[0].paused")
    desk.start()
    window.open_sidebar("Bender")
    window.wait_until(f"[job.status for job in {SHOWN}.jobs] == ['Finished']", timeout=RENDERED)
    window.find("3 of 3", SIDEBAR)
    folder = Path(window.ask(f"str({SHOWN}.details.folder)"))
    assert not folder.exists()
    window.screenshot("finished")
    window.click("Play", SIDEBAR, until=f"{SHOWN}.doing")  # which fetches them first
    window.wait_until(f"not {SHOWN}.doing", timeout=RENDERED)
    close_player(desk)
    assert not window.ask(f"{SHOWN}.trouble")
    assert sorted(path.name for path in folder.iterdir()) == served.frames(job["id"])
    window.screenshot("fetched")
    desk.stop_now()
    window.open_sidebar("Bender")
    desk.choose("More", "Delete...", until="True")
    dialog, button = _dialog(desk, "Delete", height=90)
    window.tick("Its Frames Too", dialog)
    window.screenshot("delete")
    window.click("Delete", button, until=f"not {SHOWN}.jobs")
    assert served.ask("GET", "/api/jobs") == []
    assert not (served.folder / "farm" / "frames" / job["id"]).exists()
    assert len(list(folder.iterdir())) == 3
