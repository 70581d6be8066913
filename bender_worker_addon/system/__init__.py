# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine: its disks, memory, threads and processes, and files that a power cut leaves whole."""
