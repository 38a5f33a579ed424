"""Records to measure with: notifications as OpenStack's services send, small and large ones."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator

Record = tuple[dict[str, str], str]
Blob = tuple[dict[str, str], bytes]
AnyRecord = Record | Blob

BLOB_SIZE = 1 << 20

EVENTS = ("create.start", "create.end", "update", "exists", "delete.start", "delete.end")


def notifications(count: int, seed: int = 1) -> list[Record]:
    """Return records of about 2.6 KB with four metadata pairs."""
    chance = random.Random(seed)  # noqa: S311 - nobody has to guess them
    return list(_notifications(count, chance))


def small(count: int, seed: int = 1) -> list[Record]:
    """Return records of about 100 bytes, metadata included."""
    chance = random.Random(seed)  # noqa: S311 - nobody has to guess them
    return [
        (
            {"host": f"web{chance.randrange(40):03}", "level": chance.choice(("info", "error"))},
            _request(number, chance),
        )
        for number in range(count)
    ]


def blobs(count: int, seed: int = 1) -> list[Blob]:
    """Return records of 1 MiB of random hexadecimal digits, which compress two to one.

    They begin with what is no UTF-8: the format of 2014 tells bytes from text by that.
    """
    chance = random.Random(seed)  # noqa: S311 - nobody has to guess them
    return [
        (
            {"name": f"blob-{number}", "kind": chance.choice(("image", "dump"))},
            b"\xff" + chance.randbytes(BLOB_SIZE // 2).hex().encode()[1:],
        )
        for number in range(count)
    ]


def _request(number: int, chance: random.Random) -> str:
    path, user = f"/v2.1/servers/{chance.randrange(10**6)}", chance.randrange(10**6)
    return f'{{"at":{number},"path":"{path}","ms":{number % 997},"user":"{user}","status":200}}'


def _notifications(count: int, chance: random.Random) -> Iterator[Record]:
    def identity() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128)))

    for number in range(count):
        request, tenant = f"req-{identity()}", str(chance.randrange(100_000, 999_999))
        user = str(chance.randrange(100_000, 999_999))
        event = f"compute.instance.{chance.choice(EVENTS)}"
        host = f"host-{chance.randrange(500):06}"
        time = f"2026-01-05 08:{number // 60 % 60:02}:{number % 60:02}.{chance.randrange(10**6):06}"
        body = {
            "_context_auth_token": f"{chance.getrandbits(128):032x}",
            "_context_glance_api_servers": None,
            "_context_instance_lock_checked": False,
            "_context_is_admin": False,
            "_context_project_id": tenant,
            "_context_project_name": tenant,
            "_context_quota_class": None,
            "_context_read_deleted": "no",
            "_context_remote_address": ".".join(str(chance.randrange(256)) for _ in range(4)),
            "_context_request_id": request,
            "_context_roles": ["checkmate", "object-store:default", "identity:user-admin"],
            "_context_timestamp": time,
            "_context_user": user,
            "_context_user_id": user,
            "_context_user_name": user,
            "_unique_id": identity(),
            "event_type": event,
            "message_id": identity(),
            "payload": _instance(chance, identity, tenant, host, time),
            "priority": "INFO",
            "publisher_id": f"compute.{host}",
            "timestamp": time,
        }
        metadata = {"event_type": event, "tenant": tenant, "request_id": request, "host": host}
        yield metadata, json.dumps(body, separators=(",", ":"))


def _instance(
    chance: random.Random, identity: object, tenant: str, host: str, time: str
) -> dict[str, object]:
    assert callable(identity)  # noqa: S101
    number = chance.randrange(10**6)
    return {
        "access_ip_v4": ".".join(str(chance.randrange(256)) for _ in range(4)),
        "access_ip_v6": ":".join(f"{chance.randrange(65536):04x}" for _ in range(8)),
        "architecture": "x64",
        "audit_period_beginning": time,
        "audit_period_ending": time,
        "availability_zone": None,
        "bandwidth": {"public": {"bw_in": chance.randrange(10**9), "bw_out": 0}},
        "created_at": time,
        "deleted_at": "",
        "disk_gb": 40,
        "display_name": f"Instance_{number}",
        "ephemeral_gb": 0,
        "host": host,
        "hostname": f"server-{number}",
        "image_meta": {
            "auto_disk_config": "disabled",
            "base_image_ref": identity(),
            "container_format": "ovf",
            "disk_format": "vhd",
            "image_type": "base",
            "min_disk": "40",
            "min_ram": "512",
            "org.openstack__1__architecture": "x64",
            "org.openstack__1__os_distro": "org.debian",
            "org.openstack__1__os_version": "7",
            "os_distro": "debian",
            "os_type": "linux",
            "vm_mode": "hvm",
        },
        "image_ref_url": f"http://glance.example.org:9292/images/{identity()}",
        "instance_flavor_id": "3",
        "instance_id": identity(),
        "instance_type": "1GB Standard Instance",
        "instance_type_id": 3,
        "kernel_id": "",
        "launched_at": time,
        "memory_mb": 1024,
        "new_task_state": chance.choice((None, "rebuilding", "deleting")),
        "node": f"node-{chance.randrange(10**6)}",
        "old_state": chance.choice((None, "active", "building")),
        "reservation_id": f"res-{chance.randrange(10**6)}",
        "root_gb": 40,
        "state": "active",
        "tenant_id": tenant,
        "user_id": str(chance.randrange(100_000, 999_999)),
        "vcpus": 1,
        "volumes": [{"id": identity(), "mount": f"/dev/vd{letter}"} for letter in "abcde"],
        "fixed_ips": [
            {
                "address": ".".join(str(chance.randrange(256)) for _ in range(4)),
                "label": "public",
                "vif_mac": f"{chance.getrandbits(48):012x}",
            }
            for _ in range(2)
        ],
    }
