# SPDX-License-Identifier: GPL-3.0-or-later
"""`doctor`: everything a worker needs, checked, each with what to do. What it prints is what a bug report needs."""

import argparse
import json
import platform
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .. import online
from . import ENDED, TROUBLE

if TYPE_CHECKING:
    from ...settings.resolve import Resolved

NAME = "doctor"
HELP = "check everything a worker needs, and say what to do"
DESCRIPTION = (
    "Checks everything a worker needs and says what to do where something is wrong. Its output is what a bug report"
    " needs; it holds no user and no password. Exit code 1: something is wrong."
)

_MANIFEST = Path(__file__).resolve().parents[2] / "blender_manifest.toml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...settings.config import settings as all_settings
    from ...settings.config import shown

    found = settings()
    troubles = _troubles(found)
    values = {setting.name: str(shown(found.config, setting.name)) for setting in all_settings()}
    if options.json:
        print(json.dumps({"versions": _versions(), "troubles": troubles, "settings": values}, indent=2))
    else:
        for name, version in _versions().items():
            print(f"{name}: {version}")
        for name, trouble in troubles.items():
            print(f"WRONG  {name}: {trouble}" if trouble else f"good   {name}")
        for name, value in values.items():
            print(f"{name} = {value}  ({found.sources[name]})")
    return TROUBLE if any(troubles.values()) else ENDED


def _troubles(found: "Resolved") -> dict[str, str]:
    from concurrent.futures import ThreadPoolExecutor

    from ...worker import checkup

    blender = [bpy.app.binary_path or sys.executable, "-b", "--factory-startup", "--python-expr", "pass"]
    tests = {
        "Settings": lambda: "; ".join(f"{where} is not a setting, remove it" for where in found.unknown),
        "Online access": lambda: "" if online.is_allowed(*found.config.addresses) else online.ADVICE,
        **checkup.of_settings(found.config),
        **checkup.of_machine(found.config, blender=blender, config_file=found.file),
        "Worker": lambda: _worker(found.config.data_dir),
    }
    with ThreadPoolExecutor() as pool:
        running = {name: pool.submit(test) for name, test in tests.items()}
        return {name: test.result() for name, test in running.items()}


def _worker(data_dir: Path) -> str:
    """The trouble of the worker that runs, if one does and has any."""
    from ...core.errors import NotRunning, WorkerError
    from ...worker import control

    try:
        told = control.ask(data_dir, control.STATUS)
    except NotRunning:
        return ""
    except WorkerError as error:
        return str(error)
    return told["detail"] if told["state"] in ("Problem", "Offline") else ""


def _versions() -> dict[str, str]:
    """Of all that has a say in how a worker behaves."""
    own = tomllib.loads(_MANIFEST.read_text(encoding="utf-8"))["version"] if _MANIFEST.is_file() else "a plain copy"
    return {
        "Bender Worker": own,
        "Blender": bpy.app.version_string,
        "System": platform.platform(),
        "Python": platform.python_version(),
        **{name: _version(name) for name in ("pika", "requests", "urllib3")},
    }


def _version(package: str) -> str:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing: reinstall the extension from its zip, which brings it"
