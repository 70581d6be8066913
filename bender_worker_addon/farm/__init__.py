# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm's own side: its jobs in a folder, what is known of them, and sending new ones. Plain Python, no bpy."""
