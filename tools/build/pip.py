# SPDX-License-Identifier: GPL-3.0-or-later
"""A pip that runs here. Nothing of what is installed with it."""

import importlib.util
import shutil
import sys

from tools.debian import fetch_package
from tools.errors import ToolError


def pip() -> list[str]:
    """The command of a pip that runs here; where Python comes without one, Debian's is fetched into the cache."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    if not shutil.which("apt-get"):
        raise ToolError(f"{sys.executable} has no pip; install it.")
    folder = fetch_package("python3-pip-whl") / "usr" / "share" / "python-wheels"
    return [sys.executable, str(next(folder.glob("pip-*.whl")) / "pip")]
