# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error of the tools: what happened and what to do, in words for the person at the keyboard."""


class ToolError(Exception):
    """Something foreseeable went wrong; `build.py` shows its text and ends with 1."""
