# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm as one who sends jobs sees it."""
