# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's life inside a real Blender, installed from the zip: enable, disable, enable. No worker runs here."""

import gc
import importlib
import inspect
import json
import pkgutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import addon_utils
import bpy
import pytest

MODULE = "bl_ext.user_default.bender_worker_addon"
COMMAND = "bender_worker"
TIMEOUT = 60.0

MEASURE_ENABLING = """
import json, pathlib, socket, sys, threading
import addon_utils
opened = []
sys.addaudithook(lambda event, _: opened.append(event) if event == "socket.__new__" else None)
before, threads = set(sys.modules), threading.active_count()
assert addon_utils.enable({module!r}), "not enabled"
addon_utils.disable({module!r})
pathlib.Path({answer!r}).write_text(json.dumps(dict(
    modules=sorted(set(sys.modules) - before),
    threads=threading.active_count() - threads,
    sockets=len(opened),
)))
"""


@dataclass(frozen=True, kw_only=True)
class Enabling:
    """What a Blender gained by enabling the add-on and, as at its end, disabling it."""

    modules: list[str]
    threads: int
    sockets: int


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    """Each test begins and ends with the add-on enabled, as installed."""
    _enable()
    yield
    _enable()


def test_disabling_leaves_nothing_behind() -> None:
    _disable()
    before = _traces()
    for _ in range(2):
        _enable()
        _disable()
        assert _traces() == before
    assert not _timers_left()


def test_enabling_twice_gives_the_same() -> None:
    before = _traces()
    _disable()
    _enable()
    assert _traces() == before


def test_disabling_takes_the_command_away() -> None:
    disable = f"import addon_utils; addon_utils.disable({MODULE!r})"
    enable = f"import addon_utils; addon_utils.enable({MODULE!r})"
    assert _offered_commands().count(COMMAND) == 1
    assert COMMAND not in _offered_commands(disable)
    assert _offered_commands(f"{disable}; {enable}").count(COMMAND) == 1


def test_every_class_is_registered() -> None:
    ours = (bpy.types.Operator, bpy.types.Panel, bpy.types.Menu, bpy.types.UIList)
    kinds = (*ours, bpy.types.AddonPreferences, bpy.types.PropertyGroup)
    missing = [
        f"{module.__name__}.{name}"
        for module in _modules_for_blender()
        for name, kind in vars(module).items()
        if inspect.isclass(kind)
        and issubclass(kind, kinds)
        and kind.__module__ == module.__name__
        and not kind.is_registered
    ]
    assert not missing


def test_nothing_starts_by_itself(tmp_path: Path) -> None:
    found = _measure_enabling(tmp_path / "answer.json")
    packages = {module.partition(".")[0] for module in found.modules}
    assert f"{MODULE}.blender" in found.modules
    assert not packages & {"pika", "requests", "urllib3", "tomlkit", "sqlite3"}
    assert found.threads == 0
    assert found.sockets == 0


def _enable() -> None:
    addon_utils.enable(MODULE, default_set=True)
    assert MODULE in bpy.context.preferences.addons


def _disable() -> None:
    addon_utils.disable(MODULE, default_set=True)


def _traces() -> dict[str, object]:
    """All that an add-on can leave in Blender and Blender lets one see."""
    key_configs = bpy.context.window_manager.keyconfigs.addon
    return {
        "handlers": {
            name: [repr(handler) for handler in handlers]
            for name, handlers in inspect.getmembers(bpy.app.handlers)
            if isinstance(handlers, list)
        },
        "classes": sorted(dir(bpy.types)),
        "operators": {kind: dir(getattr(bpy.ops, kind)) for kind in dir(bpy.ops)},
        "properties": {kind.__name__: sorted(kind.bl_rna.properties.keys()) for kind in _kinds_with_properties()},
        "menus": [repr(drawn) for drawn in getattr(bpy.types.TOPBAR_MT_render.draw, "_draw_funcs", [])],
        "keymaps": {keymap.name: len(keymap.keymap_items) for keymap in key_configs.keymaps} if key_configs else {},
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "addons": sorted(addon.module for addon in bpy.context.preferences.addons),
    }


def _kinds_with_properties() -> tuple[type[bpy.types.bpy_struct], ...]:
    return (bpy.types.Scene, bpy.types.WindowManager, bpy.types.Preferences, bpy.types.Object)


def _timers_left() -> list[str]:
    functions = [found for found in gc.get_objects() if inspect.isfunction(found)]
    ours = [function for function in functions if (function.__module__ or "").startswith(MODULE)]
    return [function.__qualname__ for function in ours if bpy.app.timers.is_registered(function)]


def _modules_for_blender() -> Iterator[ModuleType]:
    package = importlib.import_module(f"{MODULE}.blender")
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def _offered_commands(script: str = "pass") -> list[str]:
    """The words that `blender --command help` lists after `script` was run."""
    return _blender("--python-expr", script, "--command", "help").split()


def _measure_enabling(answer: Path) -> Enabling:
    """Measured in a Blender of its own with factory settings; `answer` is a file to write to."""
    script = MEASURE_ENABLING.format(module=MODULE, answer=str(answer))
    _blender("--factory-startup", "--python-exit-code", "1", "--python-expr", script)
    return Enabling(**json.loads(answer.read_text()))


def _blender(*arguments: str) -> str:
    command = [bpy.app.binary_path, "--background", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout
