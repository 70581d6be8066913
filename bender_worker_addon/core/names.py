# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files that mean the same on every system.

Source: Microsoft's "Naming Files, Paths, and Namespaces".
"""

import re

WINDOWS_OWN = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, in every folder, whatever follows a dot."""
