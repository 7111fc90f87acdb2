"""The folder that keeps everything on one machine: only its owner can read it, and it lies on a disk of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

NETWORK_FILE_SYSTEMS = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    ]
)
"""As Linux names them. SQLite's write-ahead log needs shared memory between its users, which none of them gives (sqlite.org/wal.html)."""

MOUNTS = Path("/proc/self/mountinfo")


def make_private(folder: Path) -> None:
    """Make a folder, and each missing one above it, readable by its owner only. A folder that is there is left as it is.

    Raises `OSError`.
    """
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def open_private(file: str | Path, flags: int) -> int:
    """Open a file that, where it is made now, only its owner can read: the `opener` of `open`."""
    return os.open(file, flags, 0o600)


def readable_by_others(folder: Path) -> bool:
    """Whether anybody but the owner may look into a folder. Raises `OSError` when it is not there."""
    return bool(folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def network_file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of network file system that a folder lies on; empty for a disk of this machine, and where that cannot be seen."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found, kind = Path("/"), ""
    for line in lines:  # 36 35 98:0 /root /mount/point options … - type source options (proc_pid_mountinfo(5))
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        if folder.resolve().is_relative_to(point) and point.is_relative_to(found):
            found, kind = point, after.split()[0]
    return kind if kind in NETWORK_FILE_SYSTEMS else ""
