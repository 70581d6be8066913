# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's server as `bender-farm.pyz` runs it, out of this repository."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.build import wheels

wheels.importable()

from bender_worker_addon.server import standalone  # noqa: E402

sys.exit(standalone.main(sys.argv[1:]))
