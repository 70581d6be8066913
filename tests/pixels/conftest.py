# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: small blends that a farm and a fresh Blender render. No tests."""

from pathlib import Path

import pytest

from tests.farm.conftest import make_farm  # noqa: F401  a fixture
from tests.pixels.rendering import made_by
from tools.blenders import blenders
from tools.check import testing


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All cases by name, made once by the older Blender: both can open them."""
    return made_by(testing.blender_for(blenders.DEFAULT), tmp_path_factory.mktemp("cases"))
