"""What the tests of the checks stand on: a backend in memory as a check is given it."""

from shoebox.errors import ShoeboxError
from shoebox.testing.subject import Failed, Subject

REFUSALS = (Failed, ShoeboxError)
"""What a check raises that is not passed: its own, or what the backend raised."""


def subject(backend, folder, **more):
    """Return the subject for a MemoryBackend, or what wraps one as `inner`."""
    memory = getattr(backend, "inner", backend)
    return Subject(backend, folder, memory.raw_put, memory.raw_get, **more)
