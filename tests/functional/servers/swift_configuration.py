"""The configuration of a Swift of one machine: three servers of one device, and a proxy."""

from collections.abc import Iterator

from tests.functional.servers.keystone import DOMAIN, Keystone
from tests.functional.servers.ports import HOST

STORAGE = ("account", "container", "object")
PIPELINE = (
    *("catch_errors", "gatekeeper", "healthcheck", "proxy-logging", "front"),
    *("listing_formats", "bulk", "authtoken", "s3api", "s3token", "keystoneauth", "tempauth"),
    *("copy", "slo", "dlo", "versioned_writes", "symlink", "proxy-logging", "proxy-server"),
)
KEYSTONE_ACCOUNTS = "KEY"
"""What the names of accounts begin with that are Keystone's, and not tempauth's."""
PATIENT = {"conn_timeout": 10, "node_timeout": 60}
"""Seconds: the machine may be busy, and there is no second server to be asked instead."""

Sections = dict[str, dict[str, object]]


def text(sections: Sections) -> str:
    """Return the text of a configuration file."""
    return "\n".join(_lines(sections))


def _lines(sections: Sections) -> Iterator[str]:
    for name, options in sections.items():
        yield f"[{name}]"
        for key, value in options.items():
            yield f"{key} = {value}"


def common(policies: tuple[str, ...]) -> Sections:
    """Return what all servers share; the first policy is the default."""
    sections: Sections = {
        "swift-hash": {
            "swift_hash_path_prefix": "shoebox",
            "swift_hash_path_suffix": "functional",
        }
    }
    for number, name in enumerate(policies):
        default = "no" if number else "yes"
        sections[f"storage-policy:{number}"] = {"name": name, "default": default}
    return sections


def storage(kind: str, base: dict[str, object], devices: str) -> Sections:
    """Return the configuration of an account, container or object server."""
    return {
        "DEFAULT": {
            **base,
            **PATIENT,
            "devices": devices,
            "mount_check": "false",
            "disable_fallocate": "true",
            # nobody repeats an update of a listing that was not made in time
            "container_update_timeout": 60,
        },
        "pipeline:main": {"pipeline": f"healthcheck {kind}-server"},
        f"app:{kind}-server": {"use": f"egg:swift#{kind}"},
        "filter:healthcheck": {"use": "egg:swift#healthcheck"},
    }


def proxy(
    base: dict[str, object], users: dict[str, str], keystone: Keystone, tls_host: str
) -> Sections:
    """Return the configuration of the proxy; a user's value is a password, and then groups."""
    special: Sections = {
        "front": {"paste.filter_factory": "swift_filters:front", "tls_host": tls_host},
        "s3api": {"location": "us-east-1", "auth_pipeline_check": "false"},
        "tempauth": {f"user_{name.replace(':', '_')}": user for name, user in users.items()},
        "versioned_writes": {"allow_object_versioning": "true"},
        **_with_keystone(keystone),
    }
    filters = {
        f"filter:{name}": {"use": f"egg:swift#{name.replace('-', '_')}", **special.get(name, {})}
        for name in PIPELINE[:-1]
    }
    for name in ("front", "authtoken"):
        del filters[f"filter:{name}"]["use"]
    return {
        "DEFAULT": base,
        "pipeline:main": {"pipeline": " ".join(PIPELINE)},
        "app:proxy-server": {
            **PATIENT,
            "use": "egg:swift#proxy",
            "account_autocreate": "true",
            # the only device is never given up for a while
            "error_suppression_interval": 0,
        },
        **filters,
    }


def _with_keystone(keystone: Keystone) -> Sections:
    account = {
        "auth_url": keystone.url,
        "auth_type": "password",
        "username": keystone.service_username,
        "password": keystone.service_password,
        "project_name": keystone.service_project_name,
        "user_domain_id": DOMAIN,
        "project_domain_id": DOMAIN,
        # what Keystone doesn't know may be tempauth's
        "delay_auth_decision": "true",
    }
    return {
        "authtoken": {
            "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
            "www_authenticate_uri": keystone.url,
            "cache": "swift.cache",
            "include_service_catalog": "false",
            **account,
        },
        "s3token": {
            "auth_uri": keystone.url,
            "reseller_prefix": f"{KEYSTONE_ACCOUNTS}_",
            **account,
        },
        "keystoneauth": {
            "operator_roles": "admin, member",
            "reseller_prefix": KEYSTONE_ACCOUNTS,
        },
    }


def base(user: str, folder: str, port: int) -> dict[str, object]:
    """Return what stands first in each server's file: one process, where it listens."""
    return {
        "bind_ip": HOST,
        "bind_port": port,
        "workers": 0,
        "user": user,
        "swift_dir": folder,
        "log_level": "INFO",
    }
