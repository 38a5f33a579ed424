"""One of Swift's servers, with the storage policies of the folder of its configuration.

Swift itself takes them from /etc/swift, wherever the rest of its configuration is.
Called with the server's own command, its configuration and further options.
"""

import runpy
import sys
from pathlib import Path

from swift.common.storage_policy import reload_storage_policies
from swift.common.utils import set_swift_dir

command, configuration = sys.argv[1:3]
set_swift_dir(str(Path(configuration).parent))
reload_storage_policies()
del sys.argv[0]
runpy.run_path(command, run_name="__main__")
