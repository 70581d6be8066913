# SPDX-License-Identifier: GPL-3.0-or-later
"""Which system this is. Who behaves otherwise on one of them asks here; what that system has to be told is told in this
folder alone."""

import sys

WINDOWS = sys.platform == "win32"
MACOS = sys.platform == "darwin"
LINUX = sys.platform.startswith("linux")
NAME = "Windows" if WINDOWS else "macOS" if MACOS else "Linux" if LINUX else sys.platform  # for people
