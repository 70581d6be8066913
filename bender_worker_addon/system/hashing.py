# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashing: by which a file is known to be what it was. Bender's farms use Blake2b-512, in lower-case hex; what the farm
keeps by its hash is called by Blake2b-256."""

import hashlib
from io import BufferedReader

Hash = hashlib.blake2b

_NAME = 32  # bytes


def fresh() -> Hash:
    """One to be fed piece by piece: `update`, then `hexdigest`."""
    return hashlib.blake2b()


def of(file: BufferedReader) -> str:
    """That of all that is left to be read."""
    return hashlib.file_digest(file, hashlib.blake2b).hexdigest()


def fresh_name() -> Hash:
    """As `fresh`, for Blake2b-256."""
    return hashlib.blake2b(digest_size=_NAME)


def name_of(file: BufferedReader) -> str:
    """As `of`, for Blake2b-256."""
    return hashlib.file_digest(file, fresh_name).hexdigest()
