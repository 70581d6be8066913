# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that ends as if all were well, and has done nothing."""

print("Blender quit", flush=True)
