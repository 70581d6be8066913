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
    from .blender.farm import findings_box, statusbar
    from .blender.farm import frames as farm_frames
    from .blender.farm import job_menu as farm_job_menu
    from .blender.farm import operators as farm_operators
    from .blender.farm import outlook as farm_outlook
    from .blender.farm import panel as farm_panel
    from .blender.farm import sending as farm_sending
    from .blender.worker import autostart, joining, loop, nightly, operators, panel, preferences, presence, quitting

    worker = preferences, data_folder, presence, loop, autostart, operators, panel, joining, quitting, nightly
    farm = findings_box, farm_sending, farm_outlook, farm_operators, farm_job_menu, farm_frames, farm_panel, statusbar
    return *worker, *farm, headless
