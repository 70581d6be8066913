# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a farm may be talked to: Blender's online access rules what is neither this machine nor a private network."""

import ipaddress
from urllib.parse import urlsplit

import bpy

ADVICE = "allow online access in Preferences > System > Network, or start Blender with --online-mode"

_PRIVATE_ENDINGS = (".localhost", ".local", ".lan", ".home", ".internal", ".intranet")


def is_allowed(*urls: str) -> bool:
    """Nothing is looked up for this: a name with a dot in it counts as public, unless its ending says it is not."""
    return bpy.app.online_access or all(_is_private(urlsplit(url).hostname or "") for url in urls)


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
