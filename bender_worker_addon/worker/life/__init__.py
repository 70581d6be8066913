# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's life, from its receipt to its settlement."""
