"""Objects in a folder of this machine, or of one that is mounted here."""

from shoebox_plugins.storage.local.backend import LocalBackend

__all__ = ["LocalBackend"]
