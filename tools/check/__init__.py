# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' runner, and a desktop with windows for them."""
