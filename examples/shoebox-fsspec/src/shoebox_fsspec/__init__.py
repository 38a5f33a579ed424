"""A storage backend of shoebox over fsspec, for whatever fsspec has a driver of."""

from shoebox_fsspec.backend import FsspecBackend

__all__ = ["FsspecBackend"]
