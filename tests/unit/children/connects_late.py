# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that connects only when somebody has opened the named pipe it is given, and says that a frame is written."""

import sys
from pathlib import Path

from speaking import connected, wrote  # type: ignore[import-not-found]

Path(sys.argv[1]).open("rb").close()
connection = connected()
wrote(connection, attempt=1, frame=1)
connection.recv(1)  # until the worker hangs up
