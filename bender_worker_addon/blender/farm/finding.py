# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding: something there is to say of a file before it is sent, in words for people."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SHOWN = 3  # of many things of a kind, those that are named


class Group(enum.Enum):
    """What findings of a kind are headed with, the worst first."""

    HOPELESS = "Can't be rendered so, it seems"
    DIFFERENT = "Will look different"
    HARMLESS = "Good to know"


@dataclass(frozen=True, slots=True)
class Finding:
    """`hopeless`: no frame could be rendered as it should be, so that it is not even sent; `harmless`: all look as they
    should. `objects` are the names of those it is about, if people can select them."""

    words: str
    hopeless: bool = False
    harmless: bool = False
    objects: tuple[str, ...] = ()
    is_of_missing_files: bool = False

    @property
    def group(self) -> Group:
        return Group.HOPELESS if self.hopeless else Group.HARMLESS if self.harmless else Group.DIFFERENT


def some(kind: str, names: Sequence[str]) -> str:
    return f"a {kind} is" if len(names) == 1 else f"{len(names)} {kind}s are"


def listed(things: Iterable[str]) -> str:
    """`a, b, c and 9 more`"""
    names = sorted(dict.fromkeys(things))
    more = len(names) - _SHOWN
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_SHOWN])} and {more} more"
