# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that writes its environment into the file it is given."""

import json
import os
import sys
from pathlib import Path

Path(sys.argv[1]).write_text(json.dumps(dict(os.environ)))
