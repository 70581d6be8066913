# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's server, which takes who says nothing for two seconds for gone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.build import wheels

wheels.importable()

from bender_worker_addon.server import book_keeper, standalone  # noqa: E402

book_keeper._ALIVE, book_keeper._LOOK_FOR_LOST = 2.0, 0.5
sys.exit(standalone.main(sys.argv[1:]))
