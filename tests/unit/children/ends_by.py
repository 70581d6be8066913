# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that comes to its end in the middle of its work: by the signal whose number it is given, or of `hunger`."""

import os
import resource
import sys

from speaking import connected  # type: ignore[import-not-found]

connection = connected()
connection.makefile("rb").readline()
if sys.argv[1] == "hunger":
    resource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))
    bytearray(1 << 30)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.kill(os.getpid(), int(sys.argv[1]))
