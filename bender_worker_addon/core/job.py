# SPDX-License-Identifier: GPL-3.0-or-later
"""Job: what the files in a job's folder are called, for those who read them and those who write them, and what people
may say of it."""

from collections.abc import Iterable

DATA_JSON = "data.json"
CANCELED = "canceled"  # beside `data.json`; by it bender's own parts know that a job is canceled
LONGEST_NAME = 200  # letters
PREFLIGHT = "preflight"  # in the `data` of a job's `data.json`: what its sender was warned of, a line each
_MOST_WARNINGS, _LONGEST_WARNING = 50, 500


def one_line(text: str, *, most: int) -> str:
    """Somebody's words as one line wherever they are shown, of so many letters at most; "" if nothing is left."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:most].rstrip()


def name_of(text: str) -> str:
    """What people have typed, as a job can be called."""
    return one_line(text, most=LONGEST_NAME) or "untitled"


def preflight_of(warnings: Iterable[str]) -> str:
    """What somebody was warned of before a job was sent, as PREFLIGHT holds it."""
    lines = (one_line(words, most=_LONGEST_WARNING) for words in warnings)
    return "\n".join(list(dict.fromkeys(filter(None, lines)))[:_MOST_WARNINGS])
