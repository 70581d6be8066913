# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that connects only when somebody has opened the gate it is given, and says that a frame is written."""

import sys

from speaking import connected, wrote  # type: ignore[import-not-found]
from waiting import wait_at  # type: ignore[import-not-found]

wait_at(sys.argv[1])
connection = connected()
wrote(connection, attempt=1, frame=1)
connection.recv(1)  # until the worker hangs up
