# SPDX-License-Identifier: GPL-3.0-or-later
"""What `build.py` does. Standard library only; nothing in here is shipped with the add-on."""
