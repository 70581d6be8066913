# SPDX-License-Identifier: GPL-3.0-or-later
"""`clean`: deletes what the worker has stored, after saying what and how much."""

import argparse
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from . import ENDED, USAGE

if TYPE_CHECKING:
    from ...settings.resolve import Resolved
    from ...worker.cleaning import Cleaning, Found

NAME = "clean"
HELP = "delete blends and frames that this worker has stored"
DESCRIPTION = (
    "Deletes the blends and frames that this worker has stored, after saying what and how much. Nothing else is"
    " touched, neither what somebody has changed since, nor frames that are nowhere else, unless that is said twice: by"
    " the word DELETE, or --force --force. No worker may run meanwhile."
)

_BLENDS, _FRAMES = "blendfiles", "frames"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=(_BLENDS, _FRAMES), help="only these; without it both")
    parser.add_argument(
        "--force", action="count", default=0, help="don't ask; twice: also frames that are nowhere else"
    )


def carry_out(options: argparse.Namespace, settings: "Callable[[], Resolved]") -> int:
    from ...worker.cleaning import Cleaning

    config = settings().config
    if not options.force and not sys.stdin.isatty():
        print("there is nobody to ask; use --force", file=sys.stderr)
        return USAGE
    with closing(Cleaning(config)) as cleaning:
        found = cleaning.find()
        if options.what != _FRAMES:
            _clean_blends(cleaning, found, force=options.force)
        if options.what != _BLENDS:
            _clean_frames(cleaning, found, force=options.force)
    return ENDED


def _clean_blends(cleaning: "Cleaning", found: "Found", *, force: int) -> None:
    _say(f"{len(found.blends)} blends", found.blends.values())
    if found.blends and (force or _yes("Delete them?")):
        cleaning.delete_blends(found.blends)
        print("deleted")


def _clean_frames(cleaning: "Cleaning", found: "Found", *, force: int) -> None:
    _say(f"{len(found.uploaded)} frames that flaskbender has too", (frame.size for frame in found.uploaded))
    if found.uploaded and (force or _yes("Delete them?")):
        print(f"deleted: {cleaning.delete_frames(found.uploaded)}")
    _say(f"{len(found.only_here)} frames that are nowhere else", (frame.size for frame in found.only_here))
    if not found.only_here:
        return
    if force > 1 or (not force and input("Type DELETE to delete them for ever, Enter to keep them: ") == "DELETE"):
        print(f"deleted: {cleaning.delete_frames(found.only_here)}")
    else:
        print("kept")


def _say(what: str, sizes: Iterable[int]) -> None:
    print(f"{what}, {sum(sizes) / 1e6:.1f} MB")


def _yes(question: str) -> bool:
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
