# SPDX-License-Identifier: GPL-3.0-or-later
"""Bender Worker: makes this Blender a worker of a bender render farm. Importing it does nothing; enabling registers."""

from typing import Any


def register() -> None:
    from .blender import headless

    for module in _modules():
        module.register()
    headless.run_if_asked()


def unregister() -> None:
    for module in reversed(_modules()):
        module.unregister()


def _modules() -> tuple[Any, ...]:
    """What Blender is told of, each after those it needs."""
    from .blender import data_folder, headless
    from .blender.farm import operators as farm_operators
    from .blender.farm import panel as farm_panel
    from .blender.farm import statusbar
    from .blender.worker import joining, loop, operators, panel, preferences, presence, quitting

    parts = preferences, data_folder, presence, loop, operators, panel
    return *parts, joining, quitting, farm_operators, farm_panel, statusbar, headless
