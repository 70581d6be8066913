# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the journal it is given, writes reports into it and says the number of each once it is there, until killed.
If the journal is in use it says that and ends."""

import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from bender_worker_addon.core.errors import FolderInUse
from bender_worker_addon.worker.state.journal import Journal

try:
    journal = Journal(Path(sys.argv[1]))
except FolderInUse:
    print("in use", flush=True)
    sys.exit()
for number in itertools.count():
    journal.add_report("stat.job", str(number).encode())
    print(number, flush=True)
