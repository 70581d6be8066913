# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker's settings: what they are, where each comes from, the file they stand in."""
