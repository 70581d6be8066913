# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare worker under libfaketime. Some versions of that can't sleep as Python does, hence another sleep, before
anybody else has got hold of the usual one. The child, which has no use for another clock, is spared both."""

import os
import runpy
import select
import time
from pathlib import Path

del os.environ["LD_PRELOAD"]
time.sleep = lambda seconds: select.select([], [], [], float(seconds)) and None
runpy.run_path(str(Path(__file__).with_name("bare_worker.py")), run_name="__main__")
