"""`shoebox listen`."""

from __future__ import annotations

import argparse
import warnings
from types import ModuleType

from shoebox.cli import exits
from shoebox.cli.command import Command
from shoebox.errors import ConfigError


class Listen(Command):
    """Archive the notifications of a message bus, as a service.

    The section [shoebox_listen] says what is listened to; oslo.messaging's own sections
    count as in any service. A notification is acknowledged when it is synced. SIGTERM ends
    it when what was received is archived, SIGHUP has it read the ini again.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> int:  # noqa: ARG002 - cliff's
        """Listen until stopped."""
        from shoebox.cli import configuration  # noqa: PLC0415 - slow to import

        conf = configuration.required(self.app.options.config_file)
        _service().run(conf)
        return exits.FINE


def _service() -> ModuleType:
    """Import the service; raise ConfigError where what it needs is not installed."""
    try:
        # All that uses it imports eventlet, which warns of itself; with threads it is not used.
        with warnings.catch_warnings(action="ignore"):
            from oslo_service import backend  # noqa: PLC0415 - it may not be installed

            backend.init_backend(backend.BackendType.THREADING)
            from shoebox.messaging import service  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"listen needs the package {error.name}: install shoebox[messaging]"
        ) from error
    return service
