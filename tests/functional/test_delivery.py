"""Delivery while a service comes and goes: every record in the store once, none left here."""

import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
import swiftclient
from oslo_config import cfg

from shoebox import app
from shoebox.roll_manager import ReadingRollManager, WritingRollManager
from shoebox.storage import StorageBackend
from tests.functional.servers.proxy import Proxy
from tests.functional.servers.seaweedfs import SeaweedFS
from tests.functional.servers.swift import Swift

SECONDS = 120
PAYLOAD = f'{{"body": "{"x" * 2000}"}}'

Ini = Callable[[str, str], cfg.ConfigOpts]


@pytest.fixture
def conf(tmp_path: Path) -> Ini:
    """Return a function that gives a configuration with this storage plugin and its options."""
    (tmp_path / "spool").mkdir()

    def parse(plugin: str, section: str) -> cfg.ConfigOpts:
        path = tmp_path / "shoebox.conf"
        path.write_text(
            f"[shoebox]\ndirectory = {tmp_path}/spool\nstorage = far:{plugin}\n"
            "filename_template = %Y%m%dT%H%M%S_%f.events\nroll_checkers = size\n"
            "compression = none\n[shoebox_roll_checker_size]\nroll_size_mb = 6\n"
            f"[shoebox_storage_far]\n{section}"
        )
        found = cfg.ConfigOpts()
        found(["--config-file", str(path)], default_config_files=[], default_config_dirs=[])
        return found

    return parse


def write(writer: WritingRollManager, numbers: range) -> None:
    for number in numbers:
        writer.write({"number": str(number)}, PAYLOAD)


def wait_for_storing(writer: WritingRollManager) -> None:
    """Return when what was rolled is sealed, offered and stored."""
    shipper = writer._shipper
    assert shipper is not None
    writer._sealer.run(SECONDS)
    assert shipper.drain(SECONDS) == []


def wait_for_fault(proxy: Proxy, count: int = 1) -> None:
    """Return when so many connections have met what the proxy does."""
    deadline = threading.Event()
    for _ in range(SECONDS * 20):
        if proxy.met >= count:
            return
        deadline.wait(0.05)
    pytest.fail("nothing met the fault")


def check(spool: Path, backend: StorageBackend, count: int) -> None:
    """See each record once in the store, and nothing in the spool."""
    assert list(spool.iterdir()) == []
    with ReadingRollManager("", storage=backend) as reader:
        records = [(it.writer, it.sequence, it.metadata["number"]) for it in reader.records()]
        assert reader.faults == []
    assert [number for *_, number in records] == [str(number) for number in range(count)]
    assert len(set(records)) == count


def bad_moments(proxy: Proxy) -> list[Callable[[], None]]:
    return [
        proxy.refuse,
        lambda: proxy.answer(503, "Retry-After: 0", times=3),
        lambda: proxy.reset(after=1 << 20, times=2),
        lambda: proxy.reset(way="reply", times=2),
        lambda: proxy.close_early(after=1 << 20, times=2),
    ]


def come_and_go(writer: WritingRollManager, proxy: Proxy, size: int) -> int:
    """Write some records for each thing that can happen to a service; return how many."""
    count = 0
    for befall in bad_moments(proxy):
        befall()
        write(writer, range(count, count + size))
        count += size
        if befall == proxy.refuse:
            writer.roll()
            assert writer._spool.sealed()  # they wait
            proxy.forward()
        wait_for_storing(writer)
        proxy.forward()
    return count


def test_s3_that_comes_and_goes_has_every_record_once(
    tmp_path: Path, seaweedfs: SeaweedFS, proxy: Callable[[str], Proxy], conf: Ini
) -> None:
    """It refuses, answers 503, breaks off in the midst of a part, and after it has stored one."""
    bucket, between = f"b{uuid.uuid4().hex}", proxy(seaweedfs.url)
    client = boto3.client(
        "s3",
        endpoint_url=seaweedfs.url,
        aws_access_key_id=seaweedfs.access_key,
        aws_secret_access_key=seaweedfs.secret_key,
        region_name=seaweedfs.region,
    )
    client.create_bucket(Bucket=bucket)
    parsed = conf(
        "s3",
        f"bucket = {bucket}\nendpoint_url = {between.url}\n"
        f"aws_access_key_id = {seaweedfs.access_key}\n"
        f"aws_secret_access_key = {seaweedfs.secret_key}\nregion_name = {seaweedfs.region}\n"
        "addressing_style = path\nmultipart_threshold_mb = 5\npart_size_mb = 5\n",
    )
    with app.build_writer(parsed) as writer:
        count = come_and_go(writer, between, 4000)
        seaweedfs.stop()
        write(writer, range(count, count + 4000))
        seaweedfs.start()
        wait_for_storing(writer)
    with app.build_backend(parsed, "far") as backend:
        check(tmp_path / "spool", backend, count + 4000)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("api", ["v1", "v3"])
def test_swift_that_comes_and_goes_has_every_record_once(
    tmp_path: Path, swift: Swift, proxy: Callable[[str], Proxy], conf: Ini, api: str
) -> None:
    """And forgets its tokens in the middle."""
    container = f"c{uuid.uuid4().hex}"
    if api == "v1":
        login = (
            f"auth_url = {swift.auth_url}\nauth_version = 1\nusername = {swift.username}\n"
            f"password = {swift.password}\n"
        )
    else:
        login = (
            f"auth_url = {swift.keystone_url}\nusername = {swift.keystone_username}\n"
            f"password = {swift.keystone_password}\nproject_name = {swift.keystone_project_name}\n"
            "user_domain_name = Default\nproject_domain_name = Default\n"
        )
    parsed = conf(
        "swift", f"container = {container}\ncreate_container = true\n{login}segment_size_mb = 2\n"
    )
    with app.build_writer(parsed) as writer:
        write(writer, range(4000))
        wait_for_storing(writer)
        swift.forget_tokens()
        write(writer, range(4000, 8000))
        wait_for_storing(writer)
        swift.stop()
        write(writer, range(8000, 12000))
        swift.start()
        wait_for_storing(writer)
    with app.build_backend(parsed, "far") as backend:
        check(tmp_path / "spool", backend, 12000)
    assert swiftclient.__version__
