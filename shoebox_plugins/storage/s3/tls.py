"""Telling a port that speaks TLS from one that doesn't."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

WRITE_HTTPS = "TLS is spoken there: write https:// in endpoint_url"

_TIMEOUT = 5.0


def speaks_tls_unasked(endpoint: str) -> bool:
    """Tell whether TLS is spoken at an endpoint whose URL says http.

    Servers that get plain HTTP on such a port answer in many ways, or with silence.
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    context = ssl.create_default_context()
    # Nothing is sent: it is only asked whether there is a certificate.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = (parts.hostname, 80 if parts.port is None else parts.port)
    try:
        with (
            socket.create_connection(address, _TIMEOUT) as connection,
            context.wrap_socket(connection, server_hostname=parts.hostname),
        ):
            return True
    except OSError:
        return False
