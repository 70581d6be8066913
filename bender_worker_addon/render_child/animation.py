# SPDX-License-Identifier: GPL-3.0-or-later
"""Animation: which properties of the open blend are keyed or driven. Judges nothing."""

from collections.abc import Iterator
from typing import Any

import bpy

_LAYERED = bpy.app.version >= (4, 4)


def animated_paths(thing: Any) -> set[str]:
    """The RNA paths, from `thing` on, that its action, the strips of its NLA tracks or its drivers set. An action that
    serves others too may name some that `thing` hasn't."""
    animation = thing.animation_data
    if animation is None:
        return set()
    strips = [strip for track in animation.nla_tracks for strip in _flat(track.strips)]
    actions = filter(None, [animation.action, *(strip.action for strip in strips)])
    curves = [curve for action in actions for curve in curves_of(action)]
    return {curve.data_path for curve in [*curves, *animation.drivers]}


def curves_of(action: Any) -> Iterator[bpy.types.FCurve]:
    if not _LAYERED:
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def _flat(strips: Any) -> Iterator[Any]:
    """With those inside meta strips."""
    for strip in strips:
        yield strip
        yield from _flat(strip.strips)
