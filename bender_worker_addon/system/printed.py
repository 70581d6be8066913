# SPDX-License-Identifier: GPL-3.0-or-later
"""Printed: what a program has printed, as people may see it."""

import re

ADDRESS_WITH_PASSWORD = re.compile(r"://[^/\s@]*:[^/\s@]+@")

_STEERING = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LINE = 400  # letters


def readable(printed: bytes) -> list[str]:
    """Its lines: none is empty, very long or steers a terminal, none holds the password of an address."""
    text = ADDRESS_WITH_PASSWORD.sub("://", printed.decode("utf-8", "replace"))
    return [line for one in text.splitlines() if (line := _plain(one)[:_LINE])]


def _plain(line: str) -> str:
    """Without colours and whatever else steers a terminal."""
    return "".join(letter for letter in _STEERING.sub("", line).expandtabs() if letter.isprintable()).rstrip()
