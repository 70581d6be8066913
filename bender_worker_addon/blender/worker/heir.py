# SPDX-License-Identifier: GPL-3.0-or-later
"""Heir: a Blender without a window that goes on with the jobs when this one is quit. It waits until the data folder is
free, renders what there is, and ends when there is nothing more to do.

Blender asks no add-on before it quits, and none can hold that up. So she says it before: for this once, by an operator
that quits, or for good, in the preferences.
"""

import traceback
from typing import TYPE_CHECKING

from .. import in_force, versions
from ..farm.background import start_detached
from ..farm.view import environment_of

if TYPE_CHECKING:
    from ...settings.config import WorkerConfig

_PATIENCE = 60  # seconds in which this Blender has let go of the data folder
_IDLE = 60  # seconds without anything to do after which it ends

_wanted: "WorkerConfig | None" = None


def follow_this_once(config: "WorkerConfig") -> None:
    """To be called just before Blender is quit."""
    global _wanted
    _wanted = config


def follow_if_wanted(at_work_with: "WorkerConfig | None") -> None:
    """Starts one, if Blender is about to end and one is wanted. `at_work_with`: the settings of the worker that was at
    work till now, if one was."""
    wanted = in_force.preferences()
    for_good = wanted is not None and wanted.go_on_after_quit and _blender_ends()
    config = _wanted or (at_work_with if for_good else None)
    if config is not None:
        words = ["run", f"--wait={_PATIENCE}", f"--idle-exit={_IDLE}"]
        start_detached(versions.own_command(), words, environment=environment_of(config))


def _blender_ends() -> bool:
    """Or it only disables this add-on. Nothing else tells one from the other before Blender 5."""
    return any(frame.f_code.co_name == "disable_all" for frame, _ in traceback.walk_stack(None))
