# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts: the Python in the open file, which is never run on a worker. Looks, changes nothing."""

from collections.abc import Iterator
from typing import Any

import bpy

from ...render_child import scope
from .finding import Finding, listed
from .script_text import may_change_data

Seen = set[bpy.types.ID]


def scripts(scene: bpy.types.Scene, seen: Seen) -> Iterator[Finding]:
    drivers = [f"{owner.name} ({expression})" for owner, expression in _python_drivers(seen)]
    if drivers:
        some = "a driver runs" if len(drivers) == 1 else f"{len(drivers)} drivers run"
        yield Finding(f"{some} Python, which workers never do: {listed(drivers)}")
    texts = [text.name for text in bpy.data.texts if text.use_module and may_change_data(text.as_string())]
    if texts:
        some = "a script runs" if len(texts) == 1 else f"{len(texts)} scripts run"
        yield Finding(f"{some} when the file is opened, but never on a worker: {listed(texts)}")
    for layer in scene.view_layers if scene.render.use_freestyle else ():
        if layer.use_freestyle and layer.freestyle_settings.mode == "SCRIPT":
            words = "Freestyle draws its lines by Python scripts, which workers never run; use its Parameter Editor"
            yield Finding(words, hopeless=True)


def _python_drivers(seen: Seen) -> Iterator[tuple[bpy.types.ID, str]]:
    for owner in seen:
        things: set[Any] = {owner, scope.tree_of(owner)}
        for data in things:
            for curve in data.animation_data.drivers if getattr(data, "animation_data", None) else ():
                if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression and not curve.mute:
                    yield owner, curve.driver.expression
