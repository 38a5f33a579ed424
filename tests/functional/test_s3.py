"""The S3 backend against real services: SeaweedFS, Swift's S3 API and JuiceFS's gateway."""

import hashlib
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from shoebox.errors import (
    KeyCollision,
    ObjectNotFound,
    StorageDenied,
    StorageRejected,
    StorageUnavailable,
)
from shoebox.ranged import SMALLEST
from shoebox.storage import digests
from shoebox_plugins.storage.s3 import S3Backend

MB = 1 << 20
# Parts of less than 5 MiB are refused, except for the last.
LIMITS = {"multipart_threshold_mb": 6, "part_size_mb": 5}
SIZES = [0, 1, 70_000, 6 * MB, 16 * MB + 3]
PATH = {"addressing_style": "path"}
KEYS = ["a+b", "a-1", "a.b", "a/b", "a/c/d", "a0", "b=c"]


def keys_of(server, prefix=""):
    return {
        "aws_access_key_id": getattr(server, f"{prefix}access_key"),
        "aws_secret_access_key": getattr(server, f"{prefix}secret_key"),
    }


def _seaweedfs(request):
    server = request.getfixturevalue("seaweedfs")
    return {"endpoint_url": server.url, **keys_of(server)}


def _seaweedfs_tls(request):
    server = request.getfixturevalue("seaweedfs")
    cafile = str(server.cafile)
    return {"endpoint_url": server.tls_url, "cafile": cafile, **keys_of(server)}


def _swift(request):
    server = request.getfixturevalue("swift")
    return {"endpoint_url": server.s3_url, **keys_of(server, "s3_")}


def _juicefs(request):
    server = request.getfixturevalue("juicefs")
    return {"endpoint_url": server.url, "checksum": "md5", **keys_of(server)}


SERVICES = {
    "seaweedfs": _seaweedfs,
    "seaweedfs-tls": _seaweedfs_tls,
    "swift": _swift,
    "juicefs": _juicefs,
}


def client(options):
    """Return a client of boto3's own, which knows nothing of the backend."""
    return boto3.client(
        "s3",
        endpoint_url=options["endpoint_url"],
        verify=options.get("cafile"),
        region_name="us-east-1",
        aws_access_key_id=options["aws_access_key_id"],
        aws_secret_access_key=options["aws_secret_access_key"],
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


@pytest.fixture(scope="module", params=SERVICES)
def options(request):
    """Return the options of a service, with a bucket of its own."""
    found = SERVICES[request.param](request)
    bucket = f"shoebox-{uuid.uuid4().hex}"
    raw = client(found)
    raw.create_bucket(Bucket=bucket)
    yield {"bucket": bucket, "region_name": "us-east-1", **PATH, **LIMITS, **found}
    remove(raw, bucket)


def remove(raw, bucket):
    for page in raw.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            raw.delete_object(Bucket=bucket, Key=found["Key"])
    raw.delete_bucket(Bucket=bucket)


@pytest.fixture
def made():
    """Return a function that makes a bucket with these options, which is removed again."""
    with ExitStack() as stack:

        def make(options):
            bucket = f"shoebox-{uuid.uuid4().hex}"
            raw = client(options)
            raw.create_bucket(Bucket=bucket)
            stack.callback(remove, raw, bucket)
            return {"bucket": bucket, **PATH, **LIMITS, **options}

        yield make


@pytest.fixture(scope="module")
def raw(options):
    return client(options)


@pytest.fixture
def prefix():
    return f"run-{uuid.uuid4().hex}"


@pytest.fixture
def backend(options, prefix):
    """Give each test a folder of its own."""
    with S3Backend(**options, prefix=prefix) as backend:
        yield backend


@pytest.fixture
def bypass(raw, options, prefix):
    """Return a function that gets an object past the backend."""
    return lambda key: raw.get_object(Bucket=options["bucket"], Key=f"{prefix}/{key}")


@pytest.fixture
def source(tmp_path):
    """Return a function that writes a file of random bytes."""

    def write(size, name="source"):
        (tmp_path / name).write_bytes(os.urandom(size))
        return tmp_path / name

    return write


def known(path: Path, kinds=("sha256", "crc32c", "md5")):
    with path.open("rb") as file:
        return digests(file, kinds)


def uploads(raw, options):
    return raw.list_multipart_uploads(Bucket=options["bucket"]).get("Uploads", [])


@pytest.mark.parametrize("size", SIZES)
def test_what_was_put_is_there_and_is_got(backend, bypass, source, tmp_path, size):
    path = source(size)
    own = known(path, ["sha256", *backend.checksums]) | {"records": "7", "first": "2026-01-01"}
    backend.put("x/a", path, own)
    info = backend.stat("x/a")
    assert (info.size, info.metadata) == (size, own)
    assert info.checksums == {kind: known(path)[kind] for kind in info.checksums}
    stored = bypass("x/a")
    assert stored.get("ContentEncoding", "") == ""
    assert hashlib.sha256(stored["Body"].read()).hexdigest() == own["sha256"]
    backend.get("x/a", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("size", "kinds"), [(70_000, {"crc32c", "md5"}), (7 * MB, {"crc32c"})])
def test_a_service_that_keeps_checksums_tells_them(seaweedfs, made, source, size, kinds):
    with S3Backend(**made({"endpoint_url": seaweedfs.url, **keys_of(seaweedfs)})) as backend:
        backend.put("a", source(size))
        assert backend.stat("a").checksums.keys() == kinds


@pytest.mark.parametrize("size", [70_000, 6 * MB + 1])
def test_nothing_is_replaced(backend, source, size):
    path, other = source(size), source(size, "other")
    backend.put("a", path, {"k": "first"})
    backend.put("a", path, {"k": "second"})
    with pytest.raises(KeyCollision):
        backend.put("a", other)
    assert backend.stat("a").metadata == {"k": "first"}
    with backend.open("a") as file:
        assert file.read() == path.read_bytes()


@pytest.mark.parametrize("options", ["seaweedfs"], indirect=True)
@pytest.mark.parametrize("size", [70_000, 6 * MB + 1])
def test_of_many_who_put_one_key_one_wins(options, backend, raw, source, size):
    """Where create-only holds to the end: older services don't know it, Swift looks before."""
    paths = [source(size, f"source-{number}") for number in range(3)]
    barrier = threading.Barrier(3)

    def put(path):
        barrier.wait()
        try:
            backend.put("a", path)
        except (KeyCollision, StorageUnavailable):
            return None
        return path

    with ThreadPoolExecutor(3) as pool:
        winners = [path for path in pool.map(put, paths) if path is not None]
    assert len(winners) <= 1
    if winners:
        with backend.open("a") as file:
            assert file.read() == winners[0].read_bytes()
    assert uploads(raw, options) == []


@pytest.mark.parametrize("size", [70_000, 6 * MB + 1])
def test_a_file_that_its_digest_is_not_of_is_not_stored(backend, raw, options, source, size):
    wrong = {kind: known(source(5))[kind] for kind in backend.checksums}
    with pytest.raises(StorageRejected):
        backend.put("a", source(size), wrong)
    with pytest.raises(ObjectNotFound):
        backend.stat("a")
    assert uploads(raw, options) == []


def test_a_file_that_is_cut_meanwhile_leaves_nothing(backend, raw, options, source):
    """The SDK is told of each part as it is sent: at the second the file shrinks."""
    path = source(16 * MB)

    def cut(params, **_):
        if params["PartNumber"] == 2:
            os.truncate(path, MB)

    events = backend._bucket._client.meta.events
    events.register("provide-client-params.s3.UploadPart", cut)
    with pytest.raises(StorageUnavailable, match="changed"):
        backend.put("a", path)
    with pytest.raises(ObjectNotFound):
        backend.stat("a")
    assert uploads(raw, options) == []


def test_what_a_killed_upload_left_is_cleaned_up(backend, raw, options, prefix, source):
    where = {"Bucket": options["bucket"], "Key": f"{prefix}/a"}
    left = raw.create_multipart_upload(**where)["UploadId"]
    raw.upload_part(**where, UploadId=left, PartNumber=1, Body=b"x" * 5 * MB)
    other = {"Bucket": options["bucket"], "Key": f"{prefix}/ab"}
    kept = raw.create_multipart_upload(**other)["UploadId"]
    backend.put("a", source(7 * MB))
    assert left not in {upload["UploadId"] for upload in uploads(raw, options)}
    # It is somebody's: aborting it here would fail if the put had done so.
    raw.abort_multipart_upload(**other, UploadId=kept)


def test_only_what_is_read_is_fetched(backend, source):
    path = source(8 * MB)
    backend.put("a", path)
    spans = []
    backend._bucket._client.meta.events.register(
        "provide-client-params.s3.GetObject", lambda params, **_: spans.append(params["Range"])
    )
    with backend.open("a") as file:
        file.seek(-100, os.SEEK_END)
        assert file.read() == path.read_bytes()[-100:]
        file.seek(5 * MB)
        assert file.read(100) == path.read_bytes()[5 * MB : 5 * MB + 100]
    assert spans == ["bytes=8388508-8388607", f"bytes={5 * MB}-{5 * MB + SMALLEST - 1}"]


def test_an_object_that_is_replaced_while_it_is_read_is_unavailable(
    backend, raw, options, prefix, source
):
    backend.put("a", source(70_000))
    with backend.open("a") as file:
        raw.put_object(Bucket=options["bucket"], Key=f"{prefix}/a", Body=b"y" * 70_000)
        with pytest.raises(StorageUnavailable, match="changed"):
            file.read(10)


def test_list_is_sorted_and_goes_on_after_a_page(backend, raw, options, prefix, source):
    for key in reversed(KEYS):
        backend.put(key, source(3))
    raw.put_object(Bucket=options["bucket"], Key=f"{prefix}/not a key", Body=b"")
    client = backend._bucket._client
    client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 2}
    )
    assert [(info.key, info.size) for info in backend.list()] == [(key, 3) for key in KEYS]
    assert [info.key for info in backend.list("a/")] == ["a/b", "a/c/d"]
    assert list(backend.list("gone")) == []


def test_a_deleted_object_is_gone(backend, source):
    backend.put("a", source(3))
    backend.delete("a")
    for call in (backend.stat, backend.delete, backend.open):
        with pytest.raises(ObjectNotFound, match="'a'"):
            call("a")


def each_call(backend, path):
    return (
        lambda: backend.put("a", path),
        lambda: backend.stat("a"),
        lambda: backend.open("a"),
        lambda: backend.get("a", path.with_name("got")),
        lambda: list(backend.list()),
        lambda: backend.delete("a"),
    )


def test_a_wrong_secret_is_denied(options, source):
    wrong = {**options, "aws_secret_access_key": "wrong-secret"}
    with S3Backend(**wrong) as backend:
        for call in each_call(backend, source(3)):
            with pytest.raises(StorageDenied, match="correct aws_secret_access_key") as caught:
                call()
            assert "wrong-secret" not in str(caught.value)


def test_a_missing_bucket_is_denied(options, source):
    with S3Backend(**{**options, "bucket": "shoebox-no-such-bucket"}) as backend:
        for call in each_call(backend, source(3)):
            with pytest.raises(StorageDenied, match="make the bucket"):
                call()


def test_who_may_only_read_is_denied_the_rest(seaweedfs, made, source):
    owner = made({"endpoint_url": seaweedfs.url, **keys_of(seaweedfs)})
    reader = {**owner, **keys_of(seaweedfs, "reader_")}
    with S3Backend(**owner) as mine, S3Backend(**reader) as other:
        mine.put("a", source(3))
        assert other.stat("a").size == 3
        for size in (3, 7 * MB):
            path = source(size)
            with pytest.raises(StorageDenied):
                other.put("b", path)
        with pytest.raises(StorageDenied):
            other.delete("a")
        assert [info.key for info in mine.list()] == ["a"]


@pytest.mark.parametrize(
    ("scheme", "listens", "says"),
    [
        ("http", "tls_url", "write https://"),
        ("https", "url", "write http://"),
        ("https", "tls_url", "cafile, or set insecure"),
    ],
)
def test_http_and_https_mixed_up_say_what_to_write(seaweedfs, source, scheme, listens, says):
    port = getattr(seaweedfs, listens).rpartition(":")[2]
    given = {"endpoint_url": f"{scheme}://127.0.0.1:{port}", **keys_of(seaweedfs)}
    with S3Backend(bucket="shoebox", **PATH, **given) as backend:
        for call in each_call(backend, source(3)):
            with pytest.raises(StorageDenied, match=says):
                call()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_insecure_takes_any_certificate(seaweedfs):
    given = {"endpoint_url": seaweedfs.tls_url, "insecure": True, **keys_of(seaweedfs)}
    with (
        S3Backend(bucket="shoebox-no-such-bucket", **PATH, **given) as backend,
        pytest.raises(StorageDenied, match="make the bucket"),
    ):
        backend.stat("a")


def test_a_service_that_is_away_is_unavailable_and_comes_back(juicefs, made, source):
    options = made({"endpoint_url": juicefs.url, "checksum": "md5", **keys_of(juicefs)})
    with S3Backend(**options) as backend:
        path = source(3)
        backend.put("a", path)
        juicefs.stop()
        for call in each_call(backend, path):
            with pytest.raises(StorageUnavailable, match="endpoint_url|cut"):
                call()
        juicefs.start()
        assert backend.stat("a").size == 3


def test_a_large_file_takes_little_memory(seaweedfs, made, source, tmp_path):
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, 128 * MB)
    options = made({"endpoint_url": seaweedfs.url, **keys_of(seaweedfs)})
    with S3Backend(**options) as backend:
        backend.put("warm", source(7 * MB))
        before = peak(reset=True)
        backend.put("a", path)
        assert peak() - before < 64 * MB
        assert backend.stat("a").size == 128 * MB


def peak(*, reset=False):
    """Return the most memory, in bytes, that this process has held since the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [it for it in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in it]
    return int(line.split()[1]) * 1024
