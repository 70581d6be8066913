# SPDX-License-Identifier: GPL-3.0-or-later
"""Start with Blender, driven by hand in a real Blender, while a worker of another one is at work on her data folder."""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEADLINE = 60.0


def addons(name: str) -> ModuleType:
    return importlib.import_module(f"bl_ext.user_default.bender_worker_addon.{name}")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    return addons("settings.resolve").resolve(data_dir=tmp_path, environment={}, options={"queue": "local"})


@pytest.fixture
def other(stack: ExitStack, settings: Any) -> Any:
    """The worker of the other one, which has begun."""
    made = addons("blender.worker.session").Session()
    stack.callback(made.quit)
    made.start(settings.config, child_command=addons("blender.versions").child_command())
    until(lambda: made.snapshot.state.name == "WAITING", made)
    return made


@pytest.fixture
def autostart(stack: ExitStack, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """As in a window that was just opened, on the same data folder. Nothing calls its timers but the test."""
    monkeypatch.setattr(addons("blender.in_force"), "resolved", lambda: settings)
    module = addons("blender.worker.autostart")
    stack.callback(module.call_off)
    stack.callback(module.session.quit)
    module._begin()
    until(lambda: not module.session.is_opening, module.session)
    return module


def until(condition: Callable[[], object], *sessions: Any) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, [session.snapshot for session in sessions]
        for session in sessions:
            session.tick()
        time.sleep(0.01)


def looked(autostart: Any, *sessions: Any) -> float | None:
    """What its timer says once it has looked at the other one."""
    said: list[float | None] = [autostart._GLANCE]

    def look() -> bool:
        said.append(autostart._wait_for_other())
        return bool(said[-1] != autostart._GLANCE)

    until(look, *sessions)
    return said[-1]


def test_it_begins_when_the_other_one_has_ended(other: Any, autostart: Any) -> None:
    assert not autostart.session.running
    assert autostart.waits()
    assert looked(autostart, other) == autostart._LOOK
    assert not autostart.session.running
    other.quit()
    assert looked(autostart) == autostart._LOOK
    until(lambda: autostart.session.snapshot.state.name == "WAITING", autostart.session)
    assert not autostart.waits()
    assert looked(autostart) is None
    autostart.session.quit()
    assert autostart._wait_for_other() is None  # stopped is stopped


def test_a_third_one_may_be_faster(other: Any, autostart: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autostart, "state_elsewhere", lambda _: "")  # as in the moment between two
    assert looked(autostart, other) == autostart._LOOK
    until(lambda: not autostart.session.running, autostart.session)
    assert autostart.waits()


def test_who_stops_the_other_one_is_not_surprised_by_this_one(other: Any, autostart: Any) -> None:
    import bpy

    looking = looked(autostart, other)
    assert bpy.ops.bender.stop_other() == {"FINISHED"}
    until(lambda: not other.running, other)
    assert looking == autostart._LOOK
    assert not autostart.waits()
    assert not autostart.session.running


def test_nothing_of_it_gets_into_the_log_of_the_other_one(other: Any, autostart: Any) -> None:
    assert autostart.session.log_path == other.log_path
    other.quit()
    assert "nothing is started here" not in other.log_path.read_text(encoding="utf-8")
