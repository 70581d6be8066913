# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside the user's Blender: bpy, neither pika nor requests. The worker is loaded when one is started."""
