# SPDX-License-Identifier: GPL-3.0-or-later
"""Blenders: found or made, and scripts that run in them."""
