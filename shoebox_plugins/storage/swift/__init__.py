"""Objects in a container of OpenStack Swift, or of what speaks its protocol."""

from shoebox_plugins.storage.swift.backend import SwiftBackend

__all__ = ["SwiftBackend"]
