# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker is: tasks in, frames and reports out. Nothing in here imports bpy; plain Python runs it all."""
