# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that prints a gigabyte, or as much as it is told, some of it without an end of line, and then says that it
rendered."""

import json
import sys

from speaking import connected, wrote  # type: ignore[import-not-found]

connection = connected()
command = json.loads(connection.makefile("rb").readline())
size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000_000
sys.stdout.write("x" * (size // 32))
for number in range(size // 41_000):
    sys.stdout.write(f"line {number} " + "y" * 40_000 + "\n")
sys.stdout.write("the last word\n")
sys.stdout.flush()
wrote(connection, attempt=command["attempt"], frame=command["frames"][0])
