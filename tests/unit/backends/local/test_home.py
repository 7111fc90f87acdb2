"""The home is its owner's alone, and a network file system under it is named."""

from __future__ import annotations

import io
import os
from datetime import timedelta
from pathlib import Path

import pytest

from scenesearch.backends.local.backend import LocalBackend
from scenesearch.backends.local.home import network_file_system
from scenesearch.bootstrap import Application
from scenesearch.config import Settings
from scenesearch.doctor import examine

MOUNTED = """22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / {disk} rw,relatime shared:1 - {kind} server:/videos rw
31 22 0:41 / {disk}-other rw,relatime - nfs4 server:/other rw
"""


def test_nobody_else_can_read_what_is_kept(home: Path) -> None:
    before = os.umask(0o022)
    try:
        backend = LocalBackend(Settings.load())
        backend.uploads.create("default/a.mp4", io.BytesIO(b"video"), content_type="video/mp4")
        backend.work.create("clip", io.BytesIO(b"clip"), content_type="video/mp4")
        backend.uploads.signed_url("default/a.mp4", expires=timedelta(minutes=1))
        assert list(Application(Settings.load()).catalog.videos()) == []
        assert Application(Settings.load()).index
    finally:
        os.umask(before)
    kept = [home, *home.rglob("*")]
    assert {path.name for path in kept} >= {"catalog.sqlite", "signing.key", "uploads", "work"}
    assert [path for path in kept if path.stat().st_mode & 0o077] == []


def test_a_home_that_others_can_read_is_left_as_it_is_and_named_with_the_command(home: Path) -> None:
    home.mkdir()
    home.chmod(0o755)
    (said,) = (found for found in examine() if found.what == "home")
    assert (said.ok, said.needed, said.advice) == (False, False, f"run: chmod 700 {home}")
    home.chmod(0o700)
    (said,) = (found for found in examine() if found.what == "home")
    assert said.ok


@pytest.mark.parametrize(
    ("kind", "expected"), [("nfs4", "nfs4"), ("cifs", "cifs"), ("fuse.sshfs", "fuse.sshfs"), ("xfs", ""), ("tmpfs", "")]
)
@pytest.mark.parametrize("below", ["", "deep/home"])
def test_a_network_file_system_is_known_by_the_mount_that_the_folder_lies_on(tmp_path: Path, kind: str, expected: str, below: str) -> None:
    mounts, disk = tmp_path / "mountinfo", tmp_path / "disk of videos"
    mounts.write_text(MOUNTED.format(disk=str(disk).replace(" ", "\\040"), kind=kind))
    assert network_file_system(disk / below, mounts) == expected
    assert network_file_system(tmp_path, mounts) == ""


def test_where_mounts_cannot_be_seen_nothing_is_claimed(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, tmp_path / "absent") == ""
