# SPDX-License-Identifier: GPL-3.0-or-later
"""Open files: how many files and connections this process may have open at once."""

from contextlib import suppress

from .platform import WINDOWS


def allow(count: int) -> int:
    """Raises the limit to so many if it is lower and that may be done; gives how many there may be, at most `count`."""
    if WINDOWS:  # it has no such limit
        return count
    import resource

    now, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY or now >= count:
        return count
    wanted = count if highest == resource.RLIM_INFINITY else min(count, highest)
    with suppress(ValueError, OSError):  # macOS has yet another limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, highest))
    return min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
