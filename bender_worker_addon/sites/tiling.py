# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiling: into how many tiles the frames of a job are cut that is about to be sent: as suits the workers that are
there, and what the frames of the last job of its name took."""

from dataclasses import dataclass

from ..core.job import one_line
from ..farm.tile_cost import Cost, best_count
from ..farm.workers import HERE, blender_of
from .site import Site


@dataclass(frozen=True, slots=True)
class Known:
    """So many workers are `here`, and render so many tiles side by side, `renderers`; `cost`: of a frame of the last
    job of that name, None if nothing of it is rendered."""

    here: int
    renderers: int
    cost: Cost | None

    def best(self, *, frames: int, wanted: int = 0) -> tuple[int, str]:
        """How many tiles each of so many frames is cut into, unless somebody has `wanted` so many; 1 if it is rendered
        as a whole, and why."""
        if self.here and not self.renderers:
            why = "they are of an earlier version, or render into a shared folder"
            return 1, f"no worker that is here takes tiles: {why}"
        if wanted:
            return wanted, ""
        if self.renderers < 2:
            return 1, "no two workers are here to render side by side"
        count = best_count(renderers=self.renderers, frames=frames, cost=self.cost)
        return count, "so many, or such short ones, are done sooner as a whole each" if count == 1 else ""


def known(farm: Site, *, name: str, own: int) -> Known:
    """What decides of a job of that `name`. `own`: how many Blenders render for the farm on this machine without saying
    so, as from a queue of its own."""
    here, by_blender = _renderers(farm)
    renderers = max(by_blender.values(), default=0)  # of one version: no other may make tiles of the same picture
    return Known(here, renderers + own, _cost_of_last(farm, name))


def best(farm: Site, *, name: str, frames: int, wanted: int = 0, own: int = 0) -> tuple[int, str]:
    """As `Known.best`, of a job of that `name`."""
    return known(farm, name=name, own=own).best(frames=frames, wanted=wanted)


def _cost_of_last(farm: Site, name: str) -> Cost | None:
    """Of the last job of that name of which anything is rendered."""
    last = next((job for job in farm.jobs() if job.name == name and job.done), None)
    return None if last is None else farm.details(last).cost


def what_differs(farm: Site) -> str:
    """What is to be said where not all workers can render tiles of one picture, else ""."""
    _, by_blender = _renderers(farm)
    if len(by_blender) < 2:
        return ""
    there = ", ".join(f"{blender or 'an unknown one'} ({count})" for blender, count in by_blender.items())
    words = "all tiles of a job are rendered by one version of Blender, by that which wrote the blend if it is there"
    return f"{words}; workers have {there}"


def _renderers(farm: Site) -> tuple[int, dict[str, int]]:
    """How many workers are here, and how many tiles they render side by side, by their version of Blender."""
    here = [worker.hello for worker in farm.workers() if worker.presence == HERE]
    by_blender: dict[str, int] = {}
    for hello in here:
        if hello.get("tiles") is True:
            count = hello.get("renderers")
            blender = one_line(blender_of(hello), most=40)
            by_blender[blender] = by_blender.get(blender, 0) + (count if isinstance(count, int) else 1)
    return len(here), by_blender
