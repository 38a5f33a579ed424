"""The options of the S3 backend."""

from oslo_config import cfg

from shoebox_plugins.storage.s3 import S3Backend
from shoebox_plugins.storage.s3.options import OPTIONS


def test_the_names_are_the_sdks_and_secrets_are_secret():
    assert S3Backend.OPTIONS is OPTIONS
    secret = {option.dest for option in OPTIONS if option.secret}
    assert secret == {"aws_secret_access_key", "aws_session_token"}
    assert all(type(option) is cfg.StrOpt for option in OPTIONS if option.secret)
    assert [option.dest for option in OPTIONS if option.required] == ["bucket"]


def test_an_ini_gives_them_their_types(ini):
    conf = ini("[s3]\nbucket = b\ntags = team:a b,stage:x\ninsecure = yes\npart_size_mb = 0.5\n")
    conf.register_opts(OPTIONS, "s3")
    assert conf.s3.tags == {"team": "a b", "stage": "x"}
    assert conf.s3.insecure is True
    assert conf.s3.part_size_mb == 0.5
    assert (conf.s3.checksum, conf.s3.addressing_style) == ("crc32c", "auto")
