# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends: where they come from, which are here, which may go."""
