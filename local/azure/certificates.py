"""The certificate that the local Azure shows, and the authority that vouches for it.

Owns three files in the state folder. The SDK refuses bearer tokens over plain http, so https it must be; ``ca.pem``
also holds certifi's bundle, so that clients pointed at it can still verify every other host.
"""

from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme


@dataclass(frozen=True)
class Certificates:
    """Paths of the server's chain and key, and of the bundle that clients trust."""

    chain_file: Path
    key_file: Path
    ca_file: Path


def issue_certificates(state: Path) -> Certificates:
    """Make a new authority and a certificate for 127.0.0.1 and localhost, and write them into the folder."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = Certificates(state / "server.pem", state / "server.key", state / "ca.pem")
    files.chain_file.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(files.key_file))
    files.key_file.chmod(0o600)
    bundle = Path(certifi.where()).read_bytes()
    files.ca_file.write_bytes(authority.cert_pem.bytes() + b"\n" + bundle)
    return files
