# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that says hello and then what is no message: what stands in the file it is given, or two bytes."""

import sys
from pathlib import Path

from speaking import connected  # type: ignore[import-not-found]

connection = connected()
file = Path(sys.argv[1])  # else it is an option that every child is given
connection.sendall((file.read_bytes() if file.is_file() else b"\xff\x00") + b"\n")
connection.recv(1)  # until the worker hangs up
