# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that comes to its end in the middle of its work: by the signal whose number it is given, on
Windows with that exit code, or of `hunger`."""

import os
import sys

from speaking import connected  # type: ignore[import-not-found]

connection = connected()
connection.makefile("rb").readline()
if sys.argv[1] == "hunger":
    bytearray(1 << 62)  # more than any machine has
if sys.platform == "win32":
    os._exit(int(sys.argv[1]) - (1 << 32) if int(sys.argv[1]) >> 31 else int(sys.argv[1]))
else:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), int(sys.argv[1]))
