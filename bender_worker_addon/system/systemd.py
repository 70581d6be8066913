# SPDX-License-Identifier: GPL-3.0-or-later
"""Service: tells the systemd that has started this worker or server how it is. Elsewhere it says nothing to nobody."""

import contextlib
import os
import socket
from collections.abc import MutableMapping


class Service:
    """`notify` sends systemd's words (sd_notify), such as READY=1; `is_there` if it listens. `watchdog` is the seconds
    within which it wants to hear WATCHDOG=1, or None."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Takes its variables out of the environment: no child is to speak in its parent's name."""
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        self.watchdog = int(microseconds) / 1e6 if address and microseconds.isdigit() else None
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.is_there = bool(address)

    def notify(self, *words: str) -> None:
        """One that doesn't listen, or is gone, is no reason not to work."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
            to_systemd.sendto("\n".join(words).encode(), self._address)
