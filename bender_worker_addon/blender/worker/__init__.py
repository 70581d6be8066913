# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker in a window: preferences, panel, operators."""
