# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlives a task: the journal, logs, counts."""
