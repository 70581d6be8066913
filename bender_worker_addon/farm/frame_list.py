# SPDX-License-Identifier: GPL-3.0-or-later
"""Frame list: frames as people write them, `1-100,120-200x5,250`, and as numbers."""

import re
from collections.abc import Iterable, Sequence

from ..core.errors import FarmError
from ..core.frame import runs
from ..core.task import LAST_FRAME

MOST = 100_000  # frames of a job

_PART = re.compile(r"(\d{1,7})(?:(?:-|\.\.)(\d{1,7})(?:[x/](\d{1,7}))?)?", re.ASCII)
_FEWEST_STEPS = 2  # in a row that are written as such: 1-5x2 is shorter than 1,3,5
_EXAMPLE = "such as 1-100,120-200x5,250"


def frames_of(text: str) -> tuple[int, ...]:
    """The numbers of `7`, `1-100`, `1..100` (Blender's own way), `1-100x5` (every fifth) and lists of these with
    commas, ascending, each once. Raises FarmError for whatever is none, and for more than 100 000."""
    ranges = [_range(part.strip()) for part in text.split(",")]
    if sum(map(len, ranges)) > MOST:
        raise FarmError(f"{text} is {sum(map(len, ranges))} frames; a job has at most {MOST}")
    return tuple(sorted({frame for numbers in ranges for frame in numbers}))


def as_text(frames: Sequence[int]) -> str:
    """Ascending numbers as people write them: `1-4,9`."""
    return in_spans(runs(frames))


def as_typed(frames: Sequence[int]) -> str:
    """Ascending numbers as people write them, steps too: `1-4,10-50x5`, which `frames_of` reads."""
    parts, at = [], 0
    while at < len(frames):
        end = _end_of_steps(frames, at)
        first, last, step = frames[at], frames[end], frames[end] - frames[end - 1] if end > at else 1
        if end > at and (step == 1 or end - at >= _FEWEST_STEPS):
            parts.append(f"{first}-{last}" + (f"x{step}" if step > 1 else ""))
            at = end + 1
        else:
            parts.append(f"{first}")
            at += 1
    return ",".join(parts)


def joined(text: str) -> str:
    """The shortest way to write a list of single frames and ranges that may be in any order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans_in(text)):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return in_spans(found)


def in_spans(spans: Iterable[tuple[int, int]]) -> str:
    """As people write them, first and last of each."""
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans)


def numbers_in(text: str) -> set[int]:
    """Those in a list of single frames and ranges, as a program has written it."""
    return {number for first, last in spans_in(text) for number in range(first, last + 1)}


def spans_in(text: str) -> list[tuple[int, int]]:
    """First and last of each part of such a list; of a single frame both are the same."""
    parts = (part.partition("-") for part in text.split(",") if part)
    return [(int(first), int(last or first)) for first, _, last in parts]


def chunks(frames: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    """The frames of each task, at most `size`."""
    return (frames[start : start + size] for start in range(0, len(frames), size))


def _end_of_steps(frames: Sequence[int], at: int) -> int:
    """The index of the last number that comes as far after the one before it as the second after the first."""
    end = min(at + 1, len(frames) - 1)
    while end + 1 < len(frames) and frames[end + 1] - frames[end] == frames[at + 1] - frames[at]:
        end += 1
    return end


def _range(part: str) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise FarmError(f"{part!r} is no frame and no range of frames; a list is written {_EXAMPLE}")
    first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
    if last < first:
        raise FarmError(f"{part!r} ends before it begins")
    if step < 1:
        raise FarmError(f"{part!r} has a step of {step}; the least is 1")
    if last > LAST_FRAME:
        raise FarmError(f"{part!r} goes beyond frame {LAST_FRAME}: frames are named by six digits")
    return range(first, last + 1, step)
