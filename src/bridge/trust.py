"""Which certificates are believed: certifi's, or those of SSL_CERT_FILE and SSL_CERT_DIR where a site has its own authority."""

import ssl
from functools import cache

import httpx


@cache
def certificates() -> ssl.SSLContext:
    """One context for every client: to read the authorities takes a fiftieth of a second each time."""
    return httpx.create_ssl_context()
