# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams: what this process prints, and that any name can be printed."""

import sys
from io import TextIOWrapper


def print_anything() -> None:
    """Characters that the output has none for are written as escapes: on Windows a pipe has those of one part of the
    world alone."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
