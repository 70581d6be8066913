# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames a minute: this worker against what a farm does without it. The worker's own start counts."""

from pathlib import Path

from tools.bench.cases.yard import Bench, Figure

Tasks = list[tuple[Path, list[int]]]


def trivial(bench: Bench) -> list[Figure]:
    frames = 20 if bench.quick else 200
    blend = bench.scene("trivial", frames=frames)
    alone, plain, ours = bench.medians(
        lambda: bench.process_a_frame(blend, 5),
        lambda: bench.one_process(blend, frames) / frames,
        lambda: bench.worker("trivial", _single(blend, frames)) / frames,
    )
    return [*_against_alone(alone, ours, goal=10), *_against_plain(plain, ours, goal=1)]


def many(bench: Bench) -> list[Figure]:
    frames = 40 if bench.quick else 200
    blend = bench.scene("trivial", frames=frames)
    plain, ours = bench.medians(
        lambda: bench.one_process(blend, frames) / frames,
        lambda: bench.worker("many", _by_twenty(blend, frames)) / frames,
    )
    return _against_plain(plain, ours, goal=1)


def light(bench: Bench) -> list[Figure]:
    frames = 20 if bench.quick else 200
    blend = bench.scene("trivial", frames=frames, width=384, height=216)
    by_twenty = _by_twenty(blend, frames)
    plain, singly, tasks, two = bench.medians(
        lambda: bench.one_process(blend, frames) / frames,
        lambda: bench.worker("light", _single(blend, frames)) / frames,
        lambda: bench.worker("light by twenty", by_twenty) / frames,
        lambda: bench.worker("two Blenders", by_twenty, renderers=2) / frames,
    )
    return [
        *_against_plain(plain, singly),
        Figure("tasks of 20 frames", 60 / tasks, "/min", plain / tasks),
        Figure("the same, two Blenders", 60 / two, "/min", plain / two),
    ]


def heavy(bench: Bench) -> list[Figure]:
    blend = bench.scene("heavy", frames=20)
    plain, ours = bench.medians(
        lambda: bench.one_process(blend, 3) / 3,
        lambda: bench.worker("heavy", _single(blend, 20)) / 20,
    )
    return _against_plain(plain, ours, goal=6)


def eevee(bench: Bench) -> list[Figure]:
    blend = bench.scene("eevee", frames=10)
    alone, ours = bench.medians(
        lambda: bench.process_a_frame(blend, 1),
        lambda: bench.worker("eevee", _single(blend, 10)) / 10,
    )
    return _against_alone(alone, ours, goal=3)


def large(bench: Bench) -> list[Figure]:
    blend = bench.scene("large")
    alone, ours = bench.medians(
        lambda: bench.process_a_frame(blend, 2),
        lambda: bench.worker("large", _single(blend, 20), disklimit=0) / 20,
    )
    return [Figure("size of the blend", blend.stat().st_size / 1e6, "MB"), *_against_alone(alone, ours, goal=8)]


def alternating(bench: Bench) -> list[Figure]:
    blend = bench.scene("trivial", frames=10)
    other = blend.with_name("other.blend")
    other.write_bytes(blend.read_bytes())
    tasks = [(one, [frame]) for frame in range(1, 11) for one in (blend, other)]
    alone, ours = bench.medians(
        lambda: bench.process_a_frame(blend, 5),
        lambda: bench.worker("alternating", tasks) / 20,
    )
    return _against_alone(alone, ours, goal=4)


def renderers(bench: Bench) -> list[Figure]:
    blend = bench.scene("one_thread", frames=60, samples=64)
    one, two = bench.medians(
        lambda: bench.worker("one renderer", _single(blend, 60)) / 60,
        lambda: bench.worker("two renderers", _single(blend, 60), renderers=2) / 60,
    )
    return [Figure("one Blender", 60 / one, "/min"), Figure("two Blenders", 60 / two, "/min", one / two, 1.7)]


def _single(blend: Path, frames: int) -> Tasks:
    return [(blend, [frame]) for frame in range(1, frames + 1)]


def _by_twenty(blend: Path, frames: int) -> Tasks:
    return [(blend, list(range(first, first + 20))) for first in range(1, frames, 20)]


def _against_alone(alone: float, ours: float, *, goal: float) -> list[Figure]:
    return [
        Figure("one process a frame", 60 / alone, "/min"),
        Figure("this worker", 60 / ours, "/min", alone / ours, goal),
    ]


def _against_plain(plain: float, ours: float, *, goal: float | None = None) -> list[Figure]:
    return [Figure("blender -a", 60 / plain, "/min"), Figure("this worker", 60 / ours, "/min", plain / ours, goal)]
