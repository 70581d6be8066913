# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sidebar shows of the jobs: what goes wrong beside Blender's main thread is told, and nothing is stuck."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bender_worker_addon.blender.farm import view as view_module
from bender_worker_addon.blender.farm.view import JobsView
from bender_worker_addon.blender.progress_bar import Progress
from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites.local import LocalSite
from bender_worker_addon.sites.site import Site, site
from tests.unit.sites.test_local import new_job, sent
from tests.unit.support import DEADLINE


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    """A farm on this machine with one job in it."""
    found = resolve(data_dir=tmp_path, environment={}, options={}).config
    with site(found) as farm:
        sent(farm, new_job())
    return found


class Watched:
    """A view as the sidebar uses it: it looks again and again."""

    def __init__(self, config: WorkerConfig) -> None:
        self.view, self.config = JobsView(), config

    def run(self, script: str, *words: str, then: Callable[[], None] | None = None) -> None:
        """What the background Blender would do, done by a Python."""
        self.view.run(self.config, _told(script), words, doing="Sending", then=then)

    def until(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not true():
            assert time.monotonic() < deadline, self.view.shown
            self.view.look(self.config)
            time.sleep(0.001)


def _told(script: str) -> list[str]:
    """A command whose words come as a line of JSON on stdin."""
    return [sys.executable, "-c", f"import json, sys\nsys.argv[1:] = json.loads(sys.stdin.readline())\n{script}"]


@pytest.fixture
def watched(config: WorkerConfig, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(view_module, "_EVERY", 0.0)
    monkeypatch.setattr(view_module, "_SHARE", 0)
    return Watched(config)


def test_the_jobs_are_shown_and_the_chosen_one_in_detail(watched: Watched) -> None:
    watched.view.choose("job-1")
    watched.until(lambda: watched.view.shown.details)
    assert [job.name for job in watched.view.shown.jobs] == ["shot"]
    watched.view.choose("")
    watched.until(lambda: watched.view.shown.details is None)


def test_what_is_being_sent_stays_so_while_something_else_is_asked(watched: Watched, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    watched.run("import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(.01)", str(gate))
    watched.view.ask(watched.config, lambda farm: farm.cancel("job-1"))
    watched.until(lambda: [job.status for job in watched.view.shown.jobs] == ["Canceled"])
    assert watched.view.busy
    assert watched.view.shown.doing == Progress("Sending", 0.0)
    gate.touch()
    watched.until(lambda: not watched.view.busy and not watched.view.shown.doing)


def test_how_far_it_is_is_shown_and_is_no_answer(watched: Watched, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = (
        "import pathlib, time\nfrom bender_worker_addon.blender.progress_bar import Progress, tell\n"
        "tell(Progress('Packing', 0.25))\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(.01)\n"
        "tell(Progress('Packing', 1))\nsys.exit(1)"
    )
    watched.run(script, str(gate))
    watched.until(lambda: watched.view.shown.doing == Progress("Packing", 0.25))
    gate.touch()
    watched.until(lambda: watched.view.shown.trouble == "it came to nothing")


def test_one_that_waits_does_what_comes_and_ends_when_nothing_does(watched: Watched, tmp_path: Path) -> None:
    """Its process id is in the file: whoever waited has done it, or has gone."""
    note = tmp_path / "note"
    script = f"import os, pathlib; pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}} {{sys.argv[1]}}')"
    watched.view.get_ready(watched.config, _told(script))
    watched.view.run(watched.config, ["/not/needed"], ["now"], doing="Sending")
    watched.until(lambda: not watched.view.busy and not watched.view.shown.doing)
    assert note.read_text().endswith(" now")
    note.unlink()
    sleeper = f"import os, pathlib, sys; pathlib.Path({str(note)!r}).write_text(str(os.getpid())); sys.stdin.read()"
    watched.view.get_ready(watched.config, [sys.executable, "-c", sleeper])
    watched.until(lambda: note.exists() and note.read_text())
    watched.view.let_go()
    watched.until(lambda: not _lives(int(note.read_text())))


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ('{"job": "job-1", "concerns": []}', ""),
        ('{not JSON}\\n{"job": "job-1"}', ""),
        ('{"job": "job-1"}\\n{half', ""),
        ("[1]", ""),
        ("{half", ""),
        ('{"concerns": 3}', "error in the add-on"),
    ],
)
def test_whatever_a_command_says_it_ends(watched: Watched, said: str, trouble: str) -> None:
    cleared = threading.Event()
    watched.run(f"print('''{said}''')", then=cleared.set)
    watched.until(lambda: not watched.view.busy and not watched.view.shown.doing)
    assert trouble in watched.view.shown.trouble
    assert bool(trouble) == bool(watched.view.shown.trouble)
    assert cleared.is_set()
    assert watched.view.chosen == ("job-1" if "job-1" in said else "")


def test_a_command_that_fails_tells_why(watched: Watched) -> None:
    watched.run("import sys; print('noise'); sys.exit('bender_worker: there is no room')")
    watched.until(lambda: watched.view.shown.trouble == "there is no room")
    watched.view.run(watched.config, ["/no/such/blender"], [], doing="Sending")
    watched.until(lambda: " file" in watched.view.shown.trouble.lower())
    assert not watched.view.busy


@pytest.mark.parametrize(
    ("error", "words"), [(FarmError("no room"), "no room"), (KeyError("x"), "an error in the add-on itself (KeyError)")]
)
def test_what_goes_wrong_with_a_question_is_told_and_the_next_one_is_answered(
    watched: Watched, error: Exception, words: str
) -> None:
    def broken(_: Site) -> None:
        raise error

    watched.view.ask(watched.config, broken)
    watched.until(lambda: words in watched.view.shown.trouble)
    watched.view.ask(watched.config, lambda farm: farm.cancel("job-1"))
    watched.until(lambda: [job.status for job in watched.view.shown.jobs] == ["Canceled"])
    assert watched.view.shown.trouble == ""


def test_two_clicks_are_done_one_after_the_other(watched: Watched) -> None:
    """A retry that begins while another is under way would not see what that one has queued."""
    gate, said = threading.Event(), list[str]()

    def first(_: Site) -> None:
        said.append("first began")
        assert gate.wait(DEADLINE)
        said.append("first ended")

    watched.view.ask(watched.config, first)
    watched.view.ask(watched.config, lambda _: said.append("second"))
    watched.until(lambda: said and watched.view.shown.jobs)
    gate.set()
    watched.until(lambda: "second" in said)
    assert said == ["first began", "first ended", "second"]


def test_what_is_asked_is_done_although_nobody_looks_any_more(watched: Watched) -> None:
    done = threading.Event()
    watched.view.ask(watched.config, lambda farm: farm.cancel("job-1"))
    watched.view.ask(watched.config, lambda _: done.set())
    assert done.wait(DEADLINE)


def test_what_is_chosen_during_a_long_look_is_looked_up_right_after_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, jobs = threading.Event(), LocalSite.jobs

    def slow(farm: LocalSite) -> object:
        assert gate.wait(DEADLINE)
        return jobs(farm)

    monkeypatch.setattr(LocalSite, "jobs", slow)
    monkeypatch.setattr(view_module, "_SHARE", 1e9)
    watched.view.look(watched.config)
    watched.view.choose("job-1")
    gate.set()
    watched.until(lambda: watched.view.shown.details)


def test_a_look_that_goes_wrong_is_told_and_leaves_what_is_being_done(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Site) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(LocalSite, "jobs", broken)
        watched.until(lambda: "ZeroDivisionError" in watched.view.shown.trouble)
    watched.until(lambda: watched.view.shown.jobs)
    assert watched.view.shown.trouble == ""


def test_what_takes_long_to_look_up_is_looked_up_seldom(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    jobs = LocalSite.jobs

    def counting(farm: LocalSite) -> object:
        looks.append(1)
        return jobs(farm)

    monkeypatch.setattr(LocalSite, "jobs", counting)
    monkeypatch.setattr(view_module, "_SHARE", 1e9)
    watched.until(lambda: watched.view.shown.jobs)
    rounds = iter(range(200))
    watched.until(lambda: next(rounds) == 199)
    assert len(looks) == 1
    watched.view.ask(watched.config, lambda farm: farm.cancel("job-1"))  # what she does is seen at once
    watched.until(lambda: [job.status for job in watched.view.shown.jobs] == ["Canceled"])
    assert len(looks) == 2
