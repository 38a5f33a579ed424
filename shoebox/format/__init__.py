"""The bytes of an archive, as docs/format.md specifies them."""
