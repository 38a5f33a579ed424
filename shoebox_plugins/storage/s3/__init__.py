"""Objects in a bucket of S3, or of a service that speaks its language."""

from shoebox_plugins.storage.s3.backend import S3Backend

__all__ = ["S3Backend"]
