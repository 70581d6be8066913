# SPDX-License-Identifier: GPL-3.0-or-later
"""A queue on this machine, in an SQLite file that all its workers share."""
