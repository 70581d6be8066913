# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that lives and never says a word."""

import threading

threading.Event().wait(60)
