# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that mean the same on every system.

Source for Windows: Microsoft's "Naming Files, Paths, and Namespaces".
"""

import re

SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
"""Ids of jobs and tasks: they come into paths and addresses."""
WINDOWS_OWN = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, in every folder, whatever follows a dot."""
