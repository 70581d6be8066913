# SPDX-License-Identifier: GPL-3.0-or-later
"""Tls: by which certificates a worker knows its farm over TLS, and by which the farm knows the worker.

Certificates are always verified; there is no setting that would turn that off.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ConfigError
from .config import WorkerConfig


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca_file`: the authorities to believe, in the place of those of the system. `client_cert` and `client_key`: who
    this worker is; a key may be in the certificate's file."""

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    @classmethod
    def of(cls, config: WorkerConfig) -> "Tls":
        files = (config.ca_file, config.client_cert, config.client_key)
        return cls(*(None if file == Path() else file for file in files))

    def context(self) -> ssl.SSLContext:
        """Raises ConfigError for a file that can't be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.client_cert is not None:
                context.load_cert_chain(self.client_cert, self.client_key, password="")
        except (OSError, ValueError) as error:  # ssl's own errors are OSErrors
            files = ", ".join(
                str(file) for file in (self.ca_file, self.client_cert, self.client_key) if file is not None
            )
            words = getattr(error, "strerror", None) or error
            raise ConfigError(f"ca_file, client_cert or client_key ({files}) can't be used: {words}") from error
        return context


SYSTEM_TLS = Tls()
