# SPDX-License-Identifier: GPL-3.0-or-later
"""Bender Worker: makes this Blender a worker of a bender render farm. Importing it does nothing; enabling registers."""


def register() -> None:
    from .blender import headless
    from .blender.farm import operators as jobs_operators
    from .blender.farm import panel as jobs_panel
    from .blender.worker import operators, panel, preferences, presence

    for module in (preferences, presence, operators, panel, jobs_operators, jobs_panel, headless):
        module.register()
    headless.run_if_asked()


def unregister() -> None:
    from .blender import headless
    from .blender.farm import operators as jobs_operators
    from .blender.farm import panel as jobs_panel
    from .blender.worker import operators, panel, preferences, presence

    for module in (headless, jobs_panel, jobs_operators, panel, operators, presence, preferences):
        module.unregister()
