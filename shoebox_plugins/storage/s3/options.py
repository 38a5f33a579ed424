"""The options of the S3 backend."""

from __future__ import annotations

from oslo_config import cfg

_SMALLEST = 0.000001

OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.StrOpt("bucket", required=True, sample_default="audit", help="The bucket; it is not made."),
    cfg.StrOpt(
        "prefix",
        default="",
        help="The folder inside the bucket that all keys lie below, such as archives/web.",
    ),
    cfg.StrOpt(
        "endpoint_url",
        help="The service, such as https://s3.example.org:9000; that of AWS if it is left out.",
    ),
    cfg.StrOpt("region_name", help="The region of the bucket."),
    cfg.StrOpt(
        "aws_access_key_id",
        help="Whose credentials are used. If it is left out, boto3 looks for them: in AWS_* of "
        "the environment, in its files, in the role of the instance.",
    ),
    cfg.StrOpt(
        "aws_secret_access_key", secret=True, help="The secret that goes with aws_access_key_id."
    ),
    cfg.StrOpt(
        "aws_session_token", secret=True, help="What goes with temporary credentials besides."
    ),
    cfg.StrOpt("profile_name", help="The profile of boto3's files that credentials come from."),
    cfg.StrOpt(
        "addressing_style",
        default="auto",
        choices=[
            ("auto", "as fits the endpoint and the bucket's name"),
            ("path", "https://endpoint/bucket/key, which compatible services often want"),
            ("virtual", "https://bucket.endpoint/key"),
        ],
        help="Where the bucket stands in a URL.",
    ),
    cfg.StrOpt(
        "cafile", help="The certificates, in PEM, that the service's own is checked against."
    ),
    cfg.BoolOpt(
        "insecure",
        default=False,
        help="Take any certificate: whoever is on the way can read and change everything.",
    ),
    cfg.StrOpt(
        "server_side_encryption",
        help="How the service encrypts what it stores: AES256, aws:kms or aws:kms:dsse; as the "
        "bucket says if it is left out.",
    ),
    cfg.StrOpt("ssekms_key_id", help="The key that KMS encrypts with."),
    cfg.StrOpt("storage_class", help="The class that objects are stored in, such as STANDARD_IA."),
    cfg.DictOpt("tags", default={}, help="Tags of each object, as KEY:VALUE,KEY:VALUE."),
    cfg.FloatOpt(
        "multipart_threshold_mb",
        default=64.0,
        min=_SMALLEST,
        help="Files over so many MB of 2**20 bytes are uploaded in parts.",
    ),
    cfg.FloatOpt(
        "part_size_mb",
        default=16.0,
        min=_SMALLEST,
        help="How large a part is, in MB of 2**20 bytes; larger where a file would have over "
        "10,000. AWS, and most others, refuse less than 5.",
    ),
    cfg.IntOpt(
        "max_concurrency", default=4, min=1, help="How many parts of a file are sent at once."
    ),
    cfg.FloatOpt(
        "connect_timeout",
        default=10.0,
        min=_SMALLEST,
        help="Seconds to wait for a connection.",
    ),
    cfg.FloatOpt(
        "read_timeout",
        default=60.0,
        min=_SMALLEST,
        help="Seconds to wait for the service while it says nothing.",
    ),
    cfg.StrOpt(
        "checksum",
        default="crc32c",
        choices=[
            ("crc32c", "of whole objects, kept by the service"),
            ("md5", "for services that don't know the newer checksums"),
        ],
        help="What each upload is checked by.",
    ),
)
