"""SeaweedFS: an S3 server that checks what AWS checks, master to gateway in one process."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.servers import environments, tls
from tests.functional.servers.ports import HOST, reserve
from tests.functional.servers.process import Process, Server, answers, fetch
from tests.functional.servers.tls import Certificate

# Each port has one for gRPC, so far above it.
GRPC = 10_000
SOCKETS = Path("/tmp")  # noqa: S108 (its choice, whatever TMPDIR says)
IDENTITIES = {
    "shoebox": ["Admin", "Read", "Write", "List", "Tagging"],
    "reader": ["Read", "List"],
}


@dataclass(frozen=True, kw_only=True)
class SeaweedFS(Server):
    """A server that runs; its reader may list and read, and nothing else."""

    url: str
    tls_url: str
    cafile: Path
    access_key: str = "shoebox"
    secret_key: str = "shoebox-secret"
    reader_access_key: str = "reader"
    reader_secret_key: str = "reader-secret"
    region: str = "us-east-1"


@contextmanager
def running(folder: Path, certificate: Certificate) -> Iterator[SeaweedFS]:
    """Run a server whose data and log are in the folder; the log stays there."""
    weed = environments.installed(environments.SEAWEEDFS) / "weed"
    (folder / "data").mkdir()
    (folder / "s3.json").write_text(json.dumps({"identities": [*map(_identity, IDENTITIES)]}))
    ports = s3, master, *_ = [reserve(GRPC) for _ in range(4)]
    process = Process(
        [weed, "-logtostderr=true", "server", *_options(*ports)],
        folder / "seaweedfs.log",
        lambda: _ready(s3, master),
        environment={"WEED_S3_SSE_KEY": "shoebox", "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
        # it waits for connections between its own parts, which nobody closes
        grace=1,
    )
    url = f"http://{HOST}:{s3}"
    with tls.front(url, certificate) as tls_url:
        server = SeaweedFS(
            processes=(process,), url=url, tls_url=tls_url, cafile=certificate.cafile
        )
        with server.running():
            yield server
    _clean(folder, ports)


def _clean(folder: Path, ports: list[int]) -> None:
    """Remove the data, and sockets that it makes nowhere else."""
    shutil.rmtree(folder / "data")
    for port in ports:
        for path in SOCKETS.glob(f"seaweedfs-*-grpc-{port + GRPC}.sock"):
            path.unlink()


def _identity(name: str) -> dict[str, object]:
    return {
        "name": name,
        "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
        "actions": IDENTITIES[name],
    }


def _options(s3: int, master: int, volume: int, filer: int) -> list[str]:
    """Return options that are relative to the folder, and let it start and stop at once."""
    return [
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        "-dir=data",
        f"-master.port={master}",
        "-master.telemetry=false",
        # alone, it has nobody to wait for
        "-master.electionTimeout=1s",
        "-master.resumeState=false",
        "-master.volumeSizeLimitMB=1024",
        f"-volume.port={volume}",
        # each bucket has volumes of its own
        "-volume.max=10000",
        "-volume.preStopSeconds=0",
        "-filer",
        f"-filer.port={filer}",
        "-filer.localSocket=filer.sock",
        "-s3",
        f"-s3.port={s3}",
        # further services that would listen on ports that are not ours
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.config=s3.json",
        "-s3.localSocket=s3.sock",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
    ]


def _ready(s3: int, master: int) -> bool:
    """Tell whether it takes requests, and has a volume to write to."""
    if not answers(f"http://{HOST}:{s3}/readyz"):
        return False
    status = json.loads(fetch(f"http://{HOST}:{master}/dir/status")[2])
    return bool(status["Topology"]["Max"])
