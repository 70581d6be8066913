# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser that nobody sees, for what people look at in one: Debian's Chromium, in the cache."""

from pathlib import Path

from tools.debian import Root

ROOT = Root(
    name="browser",
    suite="trixie",
    packages=("chromium-headless-shell", "fonts-inter", "fonts-noto-mono"),
    megabytes=700,
)


def chromium() -> Path:
    """The program; made if missing. Raises ToolError where it can't be had."""
    return ROOT.program("/usr/bin/chromium-headless-shell")


ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--disable-dev-shm-usage")
"""Of a browser that sees nothing but this machine's own pages; its sandbox doesn't work for root."""
