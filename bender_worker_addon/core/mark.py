# SPDX-License-Identifier: GPL-3.0-or-later
"""Mark: a header by which each answer of a farm of `serve` shows that it is one. What answers in the farm's place, as a
network's page for signing in or a proxy's page for maintenance do, knows nothing of it, whatever status it gives: then
nothing was asked, and nothing is stored.

Of a frame, and of what was written with one, such a farm also says what it got, as JSON: `{"filesize": 12345,
"filehash": "…"}`. Flaskbender does neither.
"""

import re
from urllib.parse import unquote, urlsplit

MARK = "X-Bender-Farm"
_SECRET = re.compile(r"[\w-]{43}", re.ASCII)  # as `secrets.token_urlsafe(32)` makes them


def has_given_a_secret(url: str) -> bool:
    """Whether what answers at this address is a farm of `serve`: the key or token in it is one of its kind."""
    return _SECRET.fullmatch(unquote(urlsplit(url).password or "")) is not None
