"""What Swift's proxy is given that it has no server for; it runs in Swift's environment.

It takes the place of memcached, which is enough where the proxy is one process.
"""

import json
import time as clock


class MemoryCache:
    """Answers like Swift's client of memcached; what is kept is kept as JSON, as there."""

    def __init__(self):
        self._kept = {}

    def set(self, key, value, *, time=0, **options):
        """Keep a value for so many seconds, 0 is for ever."""
        text = value.decode() if isinstance(value, bytes) else value
        self._kept[key] = json.dumps(text), clock.monotonic() + time if time else float("inf")

    def get(self, key, **options):
        """Return the value, or None."""
        kept, until = self._kept.get(key, ("null", float("inf")))
        return json.loads(kept) if clock.monotonic() < until else None

    def incr(self, key, delta=1, time=0):
        """Add to a number that is never below 0."""
        number = max(0, (self.get(key) or 0) + int(delta))
        self.set(key, number, time=time)
        return number

    def delete(self, key, server_key=None):
        """Forget one value."""
        self._kept.pop(key, None)

    def clear(self):
        """Forget all that was kept, and with it every token."""
        self._kept.clear()


class Front:
    """Hands the cache over, empties it when asked, and knows which requests came by https."""

    def __init__(self, app, tls_host):
        self._app = app
        self._tls_host = tls_host
        self._cache = MemoryCache()

    def __call__(self, environ, start_response):
        """Answer one request."""
        if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("DELETE", "/cache"):
            self._cache.clear()
            start_response("204 No Content", [("Content-Length", "0")])
            return [b""]
        environ["swift.cache"] = self._cache
        if environ.get("HTTP_HOST") == self._tls_host:
            environ["wsgi.url_scheme"] = "https"
        return self._app(environ, start_response)


def front(global_conf, tls_host, **options):
    """Return what puts the filter before an application."""
    return lambda app: Front(app, tls_host)
