# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets: sending to who may have answered before all was sent."""

import selectors
import socket
import ssl


def send_until_answered(connection: socket.socket, data: bytes) -> bool:
    """Sends all of it, or less when something comes from the other side, which Windows loses if that hangs up on who
    goes on; gives whether all was sent. What comes on an encrypted connection can't be told: there all is sent. Raises
    OSError as `sendall` does."""
    if isinstance(connection, ssl.SSLSocket):
        connection.sendall(data)
        return True
    left = memoryview(data)
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while left:
            ready = [events for _, events in selector.select(connection.gettimeout())]
            if not ready:
                raise TimeoutError("timed out")
            if ready[0] & selectors.EVENT_READ:
                return False
            left = left[connection.send(left) :]
    return True
