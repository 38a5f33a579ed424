"""The options that shoebox itself declares; each plugin declares its own."""

from __future__ import annotations

from oslo_config import cfg

_SMALLEST = 0.001

# The section of a writer.
WRITER: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "directory",
        sample_default="/var/spool/shoebox",
        help="The spool: where archives are written, and wait until they are stored. It must be "
        "there, and be writable by this user alone.",
    ),
    cfg.StrOpt(
        "filename_template",
        default="events_%Y%m%dT%H%M%S_%f.events",
        help="The name of an archive, with strftime's directives, in UTC.",
    ),
    cfg.ListOpt(
        "roll_checkers",
        default=["size"],
        help="What may decide that an archive is sealed and the next one opened: any of these "
        "roll checkers. NAME or NAME:PLUGIN; the options of each stand in "
        "[shoebox_roll_checker_NAME].",
    ),
    cfg.ListOpt(
        "callbacks",
        default=[],
        help="What hears of an archive that was sealed, in this order. NAME or NAME:PLUGIN; the "
        "options of each stand in [shoebox_callback_NAME].",
    ),
    cfg.ListOpt(
        "storage",
        default=[],
        help="Where sealed archives are shipped: to each of these backends, and only then are "
        "they removed from the spool. Left empty they stay there. NAME or NAME:PLUGIN; the "
        "options of each stand in [shoebox_storage_NAME].",
    ),
    cfg.StrOpt(
        "durability",
        default="interval",
        choices=[
            ("record", "when the write returns"),
            ("interval", "at the latest after sync_interval"),
            ("roll", "when the archive is sealed"),
        ],
        help="When a record is on the disk, so that it survives a power cut.",
    ),
    cfg.FloatOpt(
        "sync_interval",
        default=1.0,
        min=_SMALLEST,
        help="Seconds; with durability = interval the most that a power cut can take.",
    ),
    cfg.StrOpt(
        "compression",
        default="zstd",
        choices=[
            ("zstd", "small and fast"),
            ("none", "not at all; what format version 1 has"),
            ("gzip", "for readers that lack zstd"),
        ],
        help="How the blocks of an archive are compressed.",
    ),
    cfg.IntOpt(
        "format_version",
        default=2,
        min=1,
        max=2,
        help="The archive format: 2, or 1 for readers of 2014.",
    ),
    cfg.ListOpt(
        "index_keys",
        default=[],
        help="The metadata keys whose values the index holds filters of, so that a search for a "
        "value reads only what can hold it; left empty, all of them. Leave out what is never "
        "searched, or is the same in all records.",
    ),
    cfg.BoolOpt(
        "trust_directory",
        default=False,
        help="Take a spool that is a symbolic link, or that everybody may write in.",
    ),
    cfg.FloatOpt(
        "spool_limit_mb",
        min=_SMALLEST,
        help="How much the spool may hold, in MB of 2**20 bytes, without what was put aside "
        "(NAME.torn, NAME.corrupt); no limit if it is left out.",
    ),
    cfg.StrOpt(
        "on_full",
        default="raise",
        choices=[
            ("raise", "the write fails, and its record was not taken"),
            ("block", "the write waits for room, up to on_full_timeout, and then fails"),
        ],
        help="What a write does when the spool is at its limit.",
    ),
    cfg.FloatOpt(
        "on_full_timeout",
        default=30.0,
        min=0.0,
        help="Seconds; how long a write waits for room with on_full = block.",
    ),
    cfg.FloatOpt(
        "close_timeout",
        default=10.0,
        min=0.0,
        help="Seconds; how long closing waits for archives under way. The rest is shipped by the "
        "next start.",
    ),
    cfg.StrOpt(
        "metrics",
        default="none",
        choices=[
            ("none", "nobody"),
            ("opentelemetry", "OpenTelemetry's API, which hands it to the SDK that is set up"),
            ("prometheus", "prometheus_client, and in listen and ship --watch its endpoint"),
        ],
        help="Who hears of what is measured. Needs shoebox[opentelemetry] or shoebox[prometheus].",
    ),
    cfg.StrOpt(
        "metrics_host",
        default="127.0.0.1",
        help="The address at which /metrics and /healthz answer with metrics = prometheus. Whoever "
        "reaches it can read them.",
    ),
    cfg.PortOpt(
        "metrics_port",
        default=9465,
        help="The port for it, of several workers the first one's; 0 is any that is free.",
    ),
    cfg.FloatOpt(
        "health_max_age",
        default=3600.0,
        min=_SMALLEST,
        help="Seconds; /healthz is bad when a sealed archive has waited in the spool for longer, "
        "unless storage is empty.",
    ),
)

# What every section of a storage backend has besides the backend's own options.
STORAGE: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "key_template",
        default="{stem}-{id}{suffix}",
        help="An object's key: segments between slashes, made of {name}, the archive's name, of "
        "{stem} and {suffix}, what it has before and from its extension, of {id}, which no two "
        "archives share, of {host}, where it was written, of {records}, how many it holds, and of "
        "strftime's directives for its creation in UTC, as in "
        "year=%Y/month=%m/{stem}-{id}{suffix}.",
    ),
    cfg.StrOpt(
        "verify",
        default="stat",
        choices=[
            ("stat", "by size and checksum, as the service says them"),
            ("get", "by reading it back, too"),
        ],
        help="How an archive that was stored is compared with the one here, before that is "
        "removed. What has no checksum there is read back in any case.",
    ),
)

# The section of `shoebox listen`.
LISTEN: tuple[cfg.Opt, ...] = (
    cfg.StrOpt(
        "transport_url",
        secret=True,
        help="The message bus: rabbit://USER:PASSWORD@HOST:PORT/VHOST, or another. Left out it is "
        "what [oslo_messaging_notifications] or [DEFAULT] names. It must be able to take messages "
        "back.",
    ),
    cfg.ListOpt(
        "topics",
        default=["notifications"],
        help="The topics whose notifications are archived, of every priority.",
    ),
    cfg.ListOpt(
        "exchanges",
        default=[],
        help="The exchanges of the services that notify; each is asked for each topic. Left empty "
        "it is the one that [DEFAULT] control_exchange names.",
    ),
    cfg.StrOpt(
        "pool",
        help="Listeners of one pool share a copy of every notification, which others get as well; "
        "one listener without a pool must be there too. Left out, the copy is shared with all "
        "listeners that have no pool.",
    ),
    cfg.IntOpt(
        "batch_size",
        default=100,
        min=1,
        help="The most notifications that are archived and synced together.",
    ),
    cfg.FloatOpt(
        "batch_timeout",
        default=1.0,
        min=_SMALLEST,
        help="Seconds; how long a batch waits for further notifications.",
    ),
    cfg.IntOpt(
        "workers",
        default=1,
        min=1,
        help="Processes that archive, each into archives of its own.",
    ),
    cfg.FloatOpt(
        "requeue_pause",
        default=5.0,
        min=_SMALLEST,
        mutable=True,
        help="Seconds; how long a worker waits before it gives notifications back to the bus that "
        "it can't archive, since the spool is full or the disk fails.",
    ),
    cfg.FloatOpt(
        "stop_timeout",
        default=20.0,
        min=0.0,
        help="Seconds; how long a worker that is stopped goes on with what it has received. The "
        "bus gives the rest to another one.",
    ),
)


def common(kind: str) -> tuple[cfg.Opt, ...]:
    """Return what every section of a kind's plugins has besides the plugin's own options."""
    return STORAGE if kind == "storage" else ()
