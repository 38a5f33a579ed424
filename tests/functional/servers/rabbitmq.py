"""RabbitMQ, from Debian's packages, with the Erlang that runs it."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.servers import debian
from tests.functional.servers.ports import HOST, reserve
from tests.functional.servers.process import Process, Server

ERLANG = "/usr/lib/erlang"
CONFIGURATION = """\
loopback_users.guest = true
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
log.console = true
log.console.level = warning
log.file = false
"""


@dataclass(frozen=True, kw_only=True)
class RabbitMQ(Server):
    """A broker that runs, with one user, guest, who may do all."""

    port: int

    @property
    def url(self) -> str:
        """The transport URL for oslo.messaging."""
        return f"rabbit://guest:guest@{HOST}:{self.port}/"


@contextmanager
def running(folder: Path) -> Iterator[RabbitMQ]:
    """Run a broker whose data and log are in the folder; the log stays there."""
    root = debian.unpacked("rabbitmq-server")
    erlang = _relocated(root)
    (folder / "data").mkdir()
    (folder / "rabbitmq.conf").write_text(CONFIGURATION)
    (folder / "enabled_plugins").write_text("[].\n")
    amqp, names = reserve(), reserve()
    environment = {
        "PATH": f"{erlang}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        # where the cookie is
        "HOME": str(folder / "data"),
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(names),
        **_environment(folder, amqp),
    }
    epmd = Process(
        [erlang / "epmd", "-address", HOST, "-port", str(names)],
        folder / "epmd.log",
        lambda: _listens(names),
    )
    broker = Process(
        [root / "usr/lib/rabbitmq/bin/rabbitmq-server"],
        folder / "rabbitmq.log",
        lambda: _listens(amqp),
        environment=environment,
    )
    # It takes its name off when it ends, so that it is stopped first.
    with RabbitMQ(processes=(broker, epmd), port=amqp).running() as server:
        yield server
    shutil.rmtree(folder / "data")


def _environment(folder: Path, amqp: int) -> dict[str, str]:
    """Return what keeps it inside of the folder and on loopback."""
    return {
        # the process that is started is the broker then, and no shell that waits for it
        "RUNNING_UNDER_SYSTEMD": "true",
        "RABBITMQ_NODENAME": "shoebox@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_NODE_PORT": str(amqp),
        "RABBITMQ_DIST_PORT": str(reserve()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_PID_FILE": str(folder / "data" / "pid"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }


def _relocated(root: Path) -> Path:
    """Return the folder of Erlang's commands, which know then that they are not in /usr."""
    commands = root / ERLANG[1:] / "bin"
    erl = commands / "erl"
    text = erl.read_text()
    if f"={ERLANG}" in text:
        erl.write_text(text.replace(f"={ERLANG}", f"={root}{ERLANG}"))
    return commands


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
