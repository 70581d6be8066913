# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiling: into how many tiles the frames of a job are cut that is about to be sent: as suits the workers that are
there, and what the frames of the last job of its name took."""

from ..farm.tile_cost import Cost, best_count
from ..farm.workers import HERE
from .site import Site


def best(farm: Site, *, name: str, frames: int, wanted: int = 0) -> tuple[int, str]:
    """How many tiles each of so many frames of a job of that `name` is cut into, unless somebody has `wanted` so many;
    1 if it is rendered as a whole, and why."""
    here, renderers = _renderers(farm)
    if here and not renderers:
        return 1, "no worker that is here takes tiles: they are of an earlier version, or render into a shared folder"
    if wanted:
        return wanted, ""
    if renderers < 2:
        return 1, "no two workers are here to render side by side"
    count = best_count(renderers=renderers, frames=frames, cost=_cost_of_last(farm, name))
    return count, "so many, or such short ones, are done sooner as a whole each" if count == 1 else ""


def _cost_of_last(farm: Site, name: str) -> Cost | None:
    """Of the last job of that name of which anything is rendered."""
    last = next((job for job in farm.jobs() if job.name == name and job.done), None)
    return None if last is None else farm.details(last).cost


def _renderers(farm: Site) -> tuple[int, int]:
    """How many workers are here, and how many tiles they render side by side."""
    here = [worker.hello for worker in farm.workers() if worker.presence == HERE]
    told = [hello.get("renderers") for hello in here if hello.get("tiles") is True]
    return len(here), sum(count if isinstance(count, int) else 1 for count in told)
