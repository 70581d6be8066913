# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside a render child: bpy and the standard library, nothing of the worker."""
