# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm in a window: sending jobs and looking after them."""
