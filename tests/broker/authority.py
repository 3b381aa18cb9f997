"""A certificate authority for tests, with its files where brokers and clients can read them."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its chain, and its key, as PEM files."""

    cert: Path
    key: Path


class Authority:
    """Issues certificates that `ca_file` vouches for."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._authority = trustme.CA()
        self._issued = 0
        self.ca_file = directory / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)

    def issue(self, *names: str, expired: bool = False) -> Certificate:
        """A certificate for host names, addresses or an e-mail address (a client's); expired ones ended an hour ago."""
        self._issued += 1
        files = Certificate(*(self._directory / f"{self._issued}.{kind}.pem" for kind in ("cert", "key")))
        end = datetime.now(UTC) - timedelta(hours=1) if expired else None
        issued = self._authority.issue_cert(*names, common_name=names[0], not_after=end)
        files.cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(files.key)
        return files

    def server(self, *, expired: bool = False) -> Certificate:
        """A certificate for a server on this machine."""
        return self.issue("localhost", "127.0.0.1", expired=expired)

    def context(self, client: Certificate | None = None) -> ssl.SSLContext:
        """A client's TLS context that trusts this authority only."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if client:
            context.load_cert_chain(client.cert, client.key)
        return context
