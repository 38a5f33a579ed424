"""Keystone on sqlite, in its own environment: makes its database when new, then serves.

Called with the public URL, the name of the region, the host and the port; the configuration
is keystone.conf in the folder that OS_KEYSTONE_CONFIG_DIR names.
"""

import multiprocessing
import os
import sys
from pathlib import Path

import keystone.server
import waitress
from keystone.cmd.bootstrap import Bootstrapper
from keystone.common.sql import upgrades
from keystone.server.wsgi import initialize_public_application


def set_up(url, region):
    """Make the tables, and what must be there before anybody can log in."""
    keystone.server.configure(
        config_files=[str(Path(os.environ["OS_KEYSTONE_CONFIG_DIR"], "keystone.conf"))]
    )
    upgrades.offline_sync_database_to_version()
    setup = Bootstrapper()
    setup.project_name = setup.admin_username = setup.admin_role_name = "admin"
    setup.admin_password = os.environ["ADMIN_PASSWORD"]
    setup.region_id = region
    setup.service_name = "keystone"
    setup.public_url = setup.internal_url = setup.admin_url = url
    setup.bootstrap()


def serve(host, port):
    """Serve until the process is ended."""
    waitress.serve(initialize_public_application(), host=host, port=port, threads=8)


if __name__ == "__main__":
    url, region, host, port = sys.argv[1:]
    # Keystone takes what stands here for arguments of its own.
    del sys.argv[1:]
    # Keystone may be configured once in a process; a forked one needs not import it again.
    setting_up = multiprocessing.get_context("fork").Process(target=set_up, args=(url, region))
    setting_up.start()
    setting_up.join()
    if setting_up.exitcode:
        sys.exit(setting_up.exitcode)
    serve(host, int(port))
