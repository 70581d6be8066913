# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blenders that render: processes, what each is given, how many tasks are held ahead for them."""
