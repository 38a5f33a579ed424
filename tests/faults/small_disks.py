"""Small disks: a tmpfs of so many bytes and names, in a child of its own that may mount."""

import ctypes
import os
import subprocess
from pathlib import Path

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000


def may_mount():
    """Let this process, which has one thread still, mount what no other sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_NEW_MOUNTS if uid == 0 else _NEW_MOUNTS | _NEW_USER):
        code = ctypes.get_errno()
        raise OSError(code, f"no mounts of its own, run it as root: {os.strerror(code)}")
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class Disk:
    """A tmpfs on a folder, which is made; `size` and `names` are what it holds."""

    def __init__(self, path, size="256k", names=1000):
        self.path = path
        path.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={size},nr_inodes={names}", "tmpfs", str(path))
        path.chmod(0o700)

    def change(self, options):
        """Mount it anew, with other options."""
        self._mount("-o", f"remount,{options}", str(self.path))

    def fill(self):
        """Take all the room that is left; return the file that does."""
        filler = self.path / "filler"
        with filler.open("ab", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        return filler

    def _mount(self, *arguments):
        subprocess.run(["mount", *arguments], check=True, capture_output=True)
