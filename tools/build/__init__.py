# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension and what is shipped in it."""
