# SPDX-License-Identifier: GPL-3.0-or-later
"""Told: what of a log people are shown while they watch. All else is for who reads the file."""

TOLD = "told"  # of a log record: its words for people


def told(words: str) -> dict[str, str]:
    """As `extra` of a log call: people who watch are shown it in these words."""
    return {TOLD: words}
