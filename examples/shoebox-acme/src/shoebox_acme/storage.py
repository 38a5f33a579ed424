"""A storage backend: the folder of a department on ACME's file share.

It is made of one that is there; docs/plugins.md has the duties of one that is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from oslo_config import cfg

from shoebox.storage import validate_name
from shoebox_plugins.storage.local import LocalBackend


class ShareBackend(LocalBackend):
    """Keeps objects in the folder of a department, which must be there.

    Raises InvalidName for a department that could lead out of the share.
    """

    INTERFACE = 1

    OPTIONS = (
        cfg.StrOpt("department", required=True, sample_default="audit", help="Whose they are."),
        cfg.StrOpt("share", default="/mnt/acme", help="Where the share is mounted."),
    )

    def __init__(self, *, department: str, share: str = "/mnt/acme", **_: object) -> None:
        super().__init__(path=Path(share) / validate_name(department))

    @classmethod
    def from_url(cls, bucket: str, /, **options: Any) -> Self:
        """Return the backend of `acme-share://DEPARTMENT/`."""
        return cls(**{**options, "department": bucket})
