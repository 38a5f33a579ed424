"""The options of a Swift backend."""

from __future__ import annotations

from oslo_config import cfg

_SMALLEST = 0.001
INTERFACES = ("public", "internal", "admin")

OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "container",
        required=True,
        sample_default="audit",
        help="The container that holds the objects.",
    ),
    cfg.StrOpt(
        "prefix",
        help="What the names of all objects begin with, before a slash and the key.",
    ),
    cfg.StrOpt(
        "auth_url",
        sample_default="https://keystone.example.com:5000/v3",
        help="Where a token is to be had: Keystone's URL, or one that ends in /auth/v1.0.",
    ),
    cfg.StrOpt(
        "auth_version",
        choices=[("1", "Swift's own"), ("3", "Keystone's")],
        help="How a token is to be had; 1 if auth_url ends in v1.0, else 3.",
    ),
    cfg.StrOpt("username", help="The user, with auth_version = 1 ACCOUNT:USER."),
    cfg.StrOpt("password", secret=True, help="The user's password."),
    cfg.StrOpt("project_name", help="The project that the container belongs to."),
    cfg.StrOpt("project_id", help="The same, by its id; its domain is not needed then."),
    cfg.StrOpt(
        "user_domain_name",
        sample_default="Default",
        help="The domain of the user; Default if it is left out.",
    ),
    cfg.StrOpt(
        "project_domain_name",
        sample_default="Default",
        help="The domain of the project; Default if it is left out.",
    ),
    cfg.StrOpt(
        "application_credential_id",
        help="An application credential, in place of user, password and project.",
    ),
    cfg.StrOpt(
        "application_credential_secret", secret=True, help="The application credential's secret."
    ),
    cfg.StrOpt("region_name", help="The region of Swift; needed where there are several."),
    cfg.StrOpt(
        "interface", default="public", choices=INTERFACES, help="Which of Swift's URLs is used."
    ),
    cfg.StrOpt("cafile", help="The certificates, in a PEM file, that vouch for the service's own."),
    cfg.BoolOpt(
        "insecure",
        default=False,
        help="Leave the service's certificate unverified; for test machines only.",
    ),
    cfg.FloatOpt(
        "segment_size_mb",
        default=1024.0,
        min=_SMALLEST,
        max=5120.0,
        help="MB (2**20 bytes) above which a file is stored as a static large object of segments "
        "of this size; Swift takes none over 5120.",
    ),
    cfg.StrOpt(
        "segment_container",
        help="The container that holds the segments; CONTAINER_segments if it is left out.",
    ),
    cfg.BoolOpt(
        "create_container",
        default=False,
        help="Make both containers if they are not there.",
    ),
    cfg.StrOpt(
        "storage_policy",
        help="The storage policy of containers that are made; the service's own if it is left out.",
    ),
    cfg.IntOpt(
        "delete_after",
        min=1,
        help="Seconds after which Swift removes the object; never if it is left out.",
    ),
    cfg.FloatOpt(
        "timeout",
        default=60.0,
        min=_SMALLEST,
        help="Seconds for which the service may be silent.",
    ),
    cfg.IntOpt(
        "max_concurrency",
        default=4,
        min=1,
        help="How many segments of an object are sent at once.",
    ),
)
