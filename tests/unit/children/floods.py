# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that prints a gigabyte, some of it without an end of line, and then says that it rendered as it was told."""

import json
import sys

from speaking import connected, wrote  # type: ignore[import-not-found]

connection = connected()
command = json.loads(connection.makefile("rb").readline())
sys.stdout.write("x" * 30_000_000)
for number in range(24_000):
    sys.stdout.write(f"line {number} " + "y" * 40_000 + "\n")
sys.stdout.write("the last word\n")
sys.stdout.flush()
wrote(connection, attempt=command["attempt"], frame=command["frames"][0])
