# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that does not listen: neither to its worker nor to any signal that can be ignored."""

import signal
import threading

from speaking import connected  # type: ignore[import-not-found]

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
connection = connected()
threading.Event().wait(60)
