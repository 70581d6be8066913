# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished frames: proven, stored, uploaded."""
