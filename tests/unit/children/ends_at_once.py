# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that says a last word and ends with 3."""

import sys

print("no such device", flush=True)
sys.exit(3)
