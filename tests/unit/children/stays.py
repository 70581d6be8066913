# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that hangs up and does not end."""

import threading

from speaking import connected  # type: ignore[import-not-found]

connected().close()
threading.Event().wait(60)
