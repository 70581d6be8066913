# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames a minute: this worker against what a farm does without it. The worker's own start counts."""

from pathlib import Path

from tools.bench_cases.yard import Bench, Figure

Tasks = list[tuple[Path, list[int]]]


def trivial(bench: Bench) -> list[Figure]:
    frames = 20 if bench.quick else 200
    blend = bench.scene("trivial", frames=frames)
    alone = bench.median(lambda: bench.process_a_frame(blend, 5))
    plain = bench.median(lambda: bench.one_process(blend, frames)) / frames
    ours = bench.median(lambda: bench.worker("trivial", _single(blend, frames))) / frames
    return [*_against_alone(alone, ours, goal=10), *_against_plain(plain, ours, goal=1)]


def many(bench: Bench) -> list[Figure]:
    frames = 40 if bench.quick else 200
    blend = bench.scene("trivial", frames=frames)
    tasks = [(blend, list(range(first, first + 20))) for first in range(1, frames, 20)]
    plain = bench.median(lambda: bench.one_process(blend, frames)) / frames
    ours = bench.median(lambda: bench.worker("many", tasks)) / frames
    return _against_plain(plain, ours, goal=1)


def heavy(bench: Bench) -> list[Figure]:
    blend = bench.scene("heavy", frames=20)
    plain = bench.median(lambda: bench.one_process(blend, 3)) / 3
    ours = bench.median(lambda: bench.worker("heavy", _single(blend, 20))) / 20
    return _against_plain(plain, ours, goal=6)


def eevee(bench: Bench) -> list[Figure]:
    blend = bench.scene("eevee", frames=10)
    alone = bench.median(lambda: bench.process_a_frame(blend, 1))
    ours = bench.median(lambda: bench.worker("eevee", _single(blend, 10))) / 10
    return _against_alone(alone, ours, goal=3)


def large(bench: Bench) -> list[Figure]:
    blend = bench.scene("large")
    alone = bench.median(lambda: bench.process_a_frame(blend, 2))
    ours = bench.median(lambda: bench.worker("large", _single(blend, 20), disklimit=0)) / 20
    return [Figure("size of the blend", blend.stat().st_size / 1e6, "MB"), *_against_alone(alone, ours, goal=8)]


def alternating(bench: Bench) -> list[Figure]:
    blend = bench.scene("trivial", frames=10)
    other = blend.with_name("other.blend")
    other.write_bytes(blend.read_bytes())
    tasks = [(one, [frame]) for frame in range(1, 11) for one in (blend, other)]
    alone = bench.median(lambda: bench.process_a_frame(blend, 5))
    ours = bench.median(lambda: bench.worker("alternating", tasks)) / 20
    return _against_alone(alone, ours, goal=4)


def renderers(bench: Bench) -> list[Figure]:
    blend = bench.scene("one_thread", frames=60, samples=64)
    one = bench.median(lambda: bench.worker("one renderer", _single(blend, 60))) / 60
    two = bench.median(lambda: bench.worker("two renderers", _single(blend, 60), renderers=2)) / 60
    return [Figure("one Blender", 60 / one, "/min"), Figure("two Blenders", 60 / two, "/min", one / two, 1.7)]


def _single(blend: Path, frames: int) -> Tasks:
    return [(blend, [frame]) for frame in range(1, frames + 1)]


def _against_alone(alone: float, ours: float, *, goal: float) -> list[Figure]:
    return [
        Figure("one process a frame", 60 / alone, "/min"),
        Figure("this worker", 60 / ours, "/min", alone / ours, goal),
    ]


def _against_plain(plain: float, ours: float, *, goal: float) -> list[Figure]:
    return [Figure("blender -a", 60 / plain, "/min"), Figure("this worker", 60 / ours, "/min", plain / ours, goal)]
