# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach: the farm of some settings, unless Blender may not talk to it. For the main thread: it asks Blender."""

from typing import TYPE_CHECKING

from ...core.errors import FarmError
from .. import online

if TYPE_CHECKING:
    from ...settings.config import WorkerConfig
    from ...sites.site import Site


def farm_of(config: "WorkerConfig") -> "Site":
    """To be used from `with` to its end. Raises FarmError."""
    from ...sites.site import is_remote, site

    if is_remote(config) and not online.is_allowed(config.bender_url):
        raise FarmError(f"the farm is on the internet: {online.ADVICE}")
    return site(config)
