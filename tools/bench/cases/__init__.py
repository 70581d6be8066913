# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench measures, a case each: `ALL` by name. A case takes a Bench and gives lines for people."""

from collections.abc import Callable
from dataclasses import dataclass

from tools.bench.cases import chance, footprint, frames, memory, still, transfers, waiting
from tools.bench.cases.yard import Bench, Figure


@dataclass(frozen=True, slots=True)
class Case:
    """`measure` gives its figures; `what` says in a line what that is."""

    what: str
    measure: Callable[[Bench], list[Figure]]


ALL = {
    "trivial": Case("a trivial scene in Cycles, single-frame tasks", frames.trivial),
    "many": Case("the same in tasks of 20 frames", frames.many),
    "light": Case("frames of a tenth of a second: single-frame tasks, tasks of 20 frames", frames.light),
    "heavy": Case("8 million faces, only the camera moves", frames.heavy),
    "eevee": Case("EEVEE", frames.eevee),
    "large": Case("a blend of 500 MB", frames.large),
    "alternating": Case("two jobs in turn", frames.alternating),
    "renderers": Case("two Blenders side by side, frames on one thread", frames.renderers),
    "still": Case("one picture in tiles, by one and two Blenders and by one, two and four machines", still.still),
    "film": Case("the last frames of a film in tiles, by two machines", still.film),
    "waiting": Case("how long a warm worker and its Blender wait", waiting.waiting),
    "download": Case("1 GB from this machine", transfers.download),
    "footprint": Case("what the add-on costs a Blender", footprint.footprints),
    "memory": Case("one Blender over 500 frames", memory.memory),
    "chance": Case(
        "one frame evaluated again and again by Blender itself, of locations keyed and driven", chance.chance
    ),
}
