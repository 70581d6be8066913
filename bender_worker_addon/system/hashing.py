# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashing: by which a file is known to be what it was. Bender's farms use Blake2b-512, in lower-case hex."""

import hashlib
from io import BufferedReader

Hash = hashlib.blake2b


def fresh() -> Hash:
    """One to be fed piece by piece: `update`, then `hexdigest`."""
    return hashlib.blake2b()


def of(file: BufferedReader) -> str:
    """That of all that is left to be read."""
    return hashlib.file_digest(file, hashlib.blake2b).hexdigest()
