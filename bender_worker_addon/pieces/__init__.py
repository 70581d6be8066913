# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends in pieces: how a blend is cut, which of its pieces are there already, and how it is put together again. For
who sends one, for the farm's server and for its workers. Knows no network."""
