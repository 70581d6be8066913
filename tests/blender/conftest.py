# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests inside a Blender share. Read outside it too, where there is no bpy."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def empty_file() -> Iterator[None]:
    """Nothing is open, before and after. The preferences stay: the add-on is among them."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    yield
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
