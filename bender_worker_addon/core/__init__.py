# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part speaks of: tasks, frames, messages, what is shown. Plain data: only the standard library, no I/O."""
