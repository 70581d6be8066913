# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: the farm of tests/farm, and bubblewrap, from Debian if this machine has none. No tests."""

import os
import shutil
from pathlib import Path

import pytest

from bender_worker_addon.system.programs import why_not_run
from bender_worker_addon.system.sandbox import Sandbox
from tests.farm.conftest import blend, farm, make_farm, scene  # noqa: F401  fixtures
from tools.debian import fetch_package
from tools.errors import ToolError


@pytest.fixture(scope="session")
def _bubblewrap() -> Path:
    if installed := shutil.which("bwrap"):
        return Path(installed).parent
    try:
        return fetch_package("bubblewrap") / "usr" / "bin"
    except ToolError as error:
        pytest.skip(f"bubblewrap: {error}")


@pytest.fixture
def path_with_bwrap(_bubblewrap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A search path on which bwrap is found; here it is set already."""
    path = f"{os.environ['PATH']}{os.pathsep}{_bubblewrap}"
    monkeypatch.setenv("PATH", path)
    if trouble := why_not_run(Sandbox().command(["/bin/true"], folder=tmp_path)):
        pytest.skip(f"no sandbox on this machine: {trouble}")
    return path
