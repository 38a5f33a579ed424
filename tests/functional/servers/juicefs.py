"""JuiceFS' gateway, which is an old MinIO: it knows nothing of the newer checksums."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.servers import environments
from tests.functional.servers.ports import HOST, reserve
from tests.functional.servers.process import Process, Server, answers, run


@dataclass(frozen=True, kw_only=True)
class JuiceFS(Server):
    """A server that runs."""

    url: str
    access_key: str = "shoebox"
    secret_key: str = "shoebox-secret"


@contextmanager
def running(folder: Path) -> Iterator[JuiceFS]:
    """Run a server whose data and log are in the folder; the log stays there."""
    command = environments.installed(environments.JUICEFS) / "juicefs"
    log = folder / "juicefs.log"
    metadata = f"sqlite3://{folder}/data/metadata.db"
    (folder / "data").mkdir()
    run([command, *_format(folder), metadata, "shoebox"], log)
    address = f"{HOST}:{reserve()}"
    process = Process(
        [command, *_gateway(folder), metadata, address],
        log,
        lambda: answers(f"http://{address}/minio/health/live"),
        environment={
            "MINIO_ROOT_USER": JuiceFS.access_key,
            "MINIO_ROOT_PASSWORD": JuiceFS.secret_key,
        },
    )
    with JuiceFS(processes=(process,), url=f"http://{address}").running() as server:
        yield server
    shutil.rmtree(folder / "data")


def _format(folder: Path) -> list[str]:
    """Return the command that makes the file system which the gateway serves."""
    return [
        *("format", "--no-update", "--trash-days", "0"),
        *("--storage", "file", "--bucket", f"{folder}/data/blocks/"),
    ]


def _gateway(folder: Path) -> list[str]:
    return [
        *("gateway", "--no-usage-report", "--no-banner", "--multi-buckets"),
        *("--keep-etag", "--object-meta", "--object-tag"),
        *("--cache-dir", f"{folder}/data/cache", "--metrics", f"{HOST}:{reserve()}"),
    ]
