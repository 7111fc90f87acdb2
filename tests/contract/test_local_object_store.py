"""The folder as a bucket: the contract, and what only it promises."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import pytest

from contract.given import noise, together
from contract.object_store_contract import ODD_NAMES, Changes, ObjectStoreContract, put, read
from contract.processes import SPAWN, create_many, delete_and_wait_to_announce, write_and_wait, write_and_wait_to_announce
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.errors import ConfigurationError, InvalidRequest, ObjectNotFound, StorageFull, Unavailable
from scenesearch.messages import ObjectChanged
from scenesearch.ports import ObjectStore


def the_store(folder: Path, announced: list[ObjectChanged] | None = None) -> FolderObjectStore:
    on_change = None if announced is None else announced.append
    return FolderObjectStore(folder / "uploads", "uploads", signer=UrlSigner(folder / "signing.key"), on_change=on_change)


@pytest.fixture
def announced() -> list[ObjectChanged]:
    return []


@pytest.fixture
def changes(announced: list[ObjectChanged]) -> Changes:
    return lambda: announced


@pytest.fixture
def store(tmp_path: Path, announced: list[ObjectChanged]) -> ObjectStore:
    return the_store(tmp_path / "home", announced)


class TestFolderObjectStore(ObjectStoreContract):
    pass


def files_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != "locks")


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    store = the_store(tmp_path / "home")
    for name in ODD_NAMES:
        put(store, name)
    assert {path.relative_to(tmp_path).parts[:2] for path in files_under(tmp_path)} == {("home", "uploads")}
    assert len(files_under(tmp_path)) == 2 * len(ODD_NAMES)


@pytest.mark.parametrize("name", ["", "broken \udcff name.mp4"])
def test_a_name_that_cannot_be_kept_is_refused(store: ObjectStore, name: str) -> None:
    with pytest.raises(InvalidRequest):
        put(store, name)


def test_nothing_is_left_of_what_was_replaced_or_deleted(store: ObjectStore, tmp_path: Path) -> None:
    for _ in range(3):
        put(store, "a")
    assert len(files_under(tmp_path)) == 2
    store.delete("a")
    assert files_under(tmp_path) == []


def test_objects_outlive_the_store(store: ObjectStore, tmp_path: Path) -> None:
    info = put(store, "a", b"data", title="夏")
    again = the_store(tmp_path / "home")
    assert again.stat("a") == info
    assert read(again, "a") == b"data"


def test_generations_grow_even_when_the_clock_goes_back(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    before = put(store, "a").generation
    store.delete("a")
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000)
    assert put(store, "a").generation > before


def test_what_is_open_stays_readable_when_the_object_goes(store: ObjectStore) -> None:
    put(store, "a", b"old")
    with store.open("a") as file, store.as_file("a") as path:
        put(store, "a", b"new")
        store.delete("a")
        assert file.read() == b"old"
        assert path.read_bytes() == b"old"
    assert not path.exists()


def test_a_uri_leads_to_the_bytes(store: ObjectStore) -> None:
    put(store, "夏/祭り.mp4", b"data")
    uri = urlsplit(store.uri("夏/祭り.mp4"))
    assert uri.scheme == "file"
    assert Path(url2pathname(unquote(uri.path))).read_bytes() == b"data"
    with pytest.raises(ObjectNotFound):
        store.uri("nothing")


def test_a_large_file_is_copied_whole(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(noise(30_000_000))
    with path.open("rb") as source:
        assert store.create("a", source, content_type="video/mp4").size_bytes == 30_000_000
    assert read(store, "a") == path.read_bytes()


def test_processes_that_create_the_same_objects_agree(store: ObjectStore, tmp_path: Path) -> None:
    processes = [SPAWN.Process(target=create_many, args=(tmp_path / "home", number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(list(store.list())) == 20
    assert len(files_under(tmp_path)) == 40
    for info in store.list():
        data = read(store, info.name)
        assert data == data[:1] * 50_000


def test_a_killed_writer_leaves_nothing_after_the_next_start(store: ObjectStore, tmp_path: Path) -> None:
    put(store, "kept")
    writing = SPAWN.Event()
    process = SPAWN.Process(target=write_and_wait, args=(tmp_path / "home", writing))
    process.start()
    assert writing.wait(60)
    assert len(files_under(tmp_path)) == 3
    the_store(tmp_path / "home")
    assert len(files_under(tmp_path)) == 3, "a start must not sweep what another is writing"
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    the_store(tmp_path / "home")
    assert len(files_under(tmp_path)) == 2
    assert [info.name for info in store.list()] == ["kept"]


def test_what_a_killed_writer_could_not_announce_is_announced_on_the_next_start(tmp_path: Path) -> None:
    written = SPAWN.Event()
    process = SPAWN.Process(target=write_and_wait_to_announce, args=(tmp_path / "home", written))
    process.start()
    assert written.wait(60)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    announced: list[ObjectChanged] = []
    store = the_store(tmp_path / "home", announced)
    generation = store.stat("silent").generation
    assert announced == [ObjectChanged(event="OBJECT_FINALIZE", bucket="uploads", name="silent", generation=generation)]
    the_store(tmp_path / "home", announced)
    assert len(announced) == 1
    assert read(store, "silent") == b"x" * 1000


def test_what_a_killed_deleter_left_is_removed_and_announced_on_the_next_start(tmp_path: Path) -> None:
    generation = put(the_store(tmp_path / "home"), "a").generation
    deleted = SPAWN.Event()
    process = SPAWN.Process(target=delete_and_wait_to_announce, args=(tmp_path / "home", "a", deleted))
    process.start()
    assert deleted.wait(60)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    announced: list[ObjectChanged] = []
    the_store(tmp_path / "home", announced)
    assert announced == [ObjectChanged(event="OBJECT_DELETE", bucket="uploads", name="a", generation=generation)]
    assert files_under(tmp_path) == []


def test_a_delete_that_ends_between_its_two_files_leaves_nothing_after_the_next_start(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = put(store, "a").generation
    unlink = Path.unlink

    def interrupted_at_the_data(path: Path, missing_ok: bool = False) -> None:
        if path.name.endswith(f".{generation}"):
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", interrupted_at_the_data)
        with pytest.raises(KeyboardInterrupt):
            store.delete("a")
    assert list(store.list()) == []
    the_store(tmp_path / "home")
    assert files_under(tmp_path) == []


@pytest.mark.parametrize("error", [StorageFull, Unavailable, KeyboardInterrupt])
@pytest.mark.parametrize("event", ["OBJECT_FINALIZE", "OBJECT_DELETE"])
def test_what_could_not_be_announced_is_announced_on_the_first_start_that_can(
    tmp_path: Path, error: type[BaseException], event: str
) -> None:
    def refused(_: ObjectChanged) -> None:
        raise error

    def deaf_store() -> FolderObjectStore:
        return FolderObjectStore(tmp_path / "home" / "uploads", "uploads", signer=UrlSigner(tmp_path / "key"), on_change=refused)

    deaf = deaf_store()
    generation = put(the_store(tmp_path / "home"), "a").generation if event == "OBJECT_DELETE" else 0
    with pytest.raises(error):
        _ = deaf.delete("a") if event == "OBJECT_DELETE" else put(deaf, "a")
    if error is not KeyboardInterrupt:
        generation = generation or deaf_store().stat("a").generation  # a start that cannot announce is a start all the same
    announced: list[ObjectChanged] = []
    store = the_store(tmp_path / "home", announced)
    generation = generation or store.stat("a").generation
    assert announced == [ObjectChanged(event=event, bucket="uploads", name="a", generation=generation)]  # type: ignore[arg-type]
    the_store(tmp_path / "home", announced)
    assert len(announced) == 1
    assert len(files_under(tmp_path)) == (0 if event == "OBJECT_DELETE" else 2)


def test_strange_files_among_the_incoming_are_left_alone(store: ObjectStore, tmp_path: Path) -> None:
    put(store, "a")
    strange = [tmp_path / "home" / "uploads" / "incoming" / name for name in (".DS_Store", "notes.txt", "a.b.c")]
    for path in strange:
        path.write_text("not ours")
    assert read(the_store(tmp_path / "home"), "a") == b"data"
    assert all(path.exists() for path in strange)


def test_an_object_whose_file_is_missing_is_said_to_miss_it(store: ObjectStore) -> None:
    put(store, "a")
    Path(url2pathname(unquote(urlsplit(store.uri("a")).path))).unlink()
    with pytest.raises(ObjectNotFound, match="the file of object 'a' in uploads is missing"):
        store.open("a")
    with pytest.raises(ObjectNotFound, match="the file of object 'a' in uploads is missing"), store.as_file("a"):
        pass
    put(store, "a", b"again")
    assert read(store, "a") == b"again"


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_home_that_cannot_be_written_is_named_with_the_setting(tmp_path: Path, below: str) -> None:
    (tmp_path / "home").write_text("a file is in the way")
    with pytest.raises(ConfigurationError, match=r"cannot be written .*: set SCENESEARCH_HOME to a folder that can"):
        the_store(tmp_path / "home" / below)


def test_a_full_disk_is_named_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    """On a real file system of 4 MB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    large = tmp_path / "large"
    large.write_bytes(noise(8_000_000))
    script = f"mount -t tmpfs -o size=4m tmpfs {disk} && exec {sys.executable} -m contract.full_disk {disk} {large}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    if shutil.which("unshare") is None or subprocess.run([*command[:-1], "mount -t tmpfs tmpfs /mnt"], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small disk")
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["StorageFull", "StorageFull", "StorageFull", "kept", "3000000", "files", "2"]


# links


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_link_allows_what_it_was_made_for(tmp_path: Path, name: str) -> None:
    signer = UrlSigner(tmp_path / "key")
    link = signer.sign("uploads", name, expires=timedelta(minutes=5))
    assert link.startswith("/objects/uploads/")
    for url in (link, f"http://127.0.0.1:8080{link}"):
        allowed = signer.verify(url)
        assert (allowed.bucket, allowed.name, allowed.content_type) == ("uploads", name, None)
        assert signer.verify(url, method="HEAD") == allowed


def test_a_link_to_write_allows_its_content_type_only(tmp_path: Path) -> None:
    signer = UrlSigner(tmp_path / "key")
    link = signer.sign("uploads", "a", expires=timedelta(minutes=5), method="PUT", content_type="video/mp4")
    assert signer.verify(link, method="PUT").content_type == "video/mp4"
    for url, method in ((link, "GET"), (link.replace("mp4", "webm"), "PUT"), (link.split("&content_type")[0], "PUT")):
        with pytest.raises(InvalidRequest):
            signer.verify(url, method=method)


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link.replace("/a?", "/b?"),
        lambda link: link.replace("/uploads/", "/work/"),
        lambda link: link.replace("expires=", "expires=9"),
        lambda link: link.replace("expires=", "expires=²"),
        lambda link: link[:-1] + ("0" if link[-1] != "0" else "1"),
        lambda link: link[:-64] + "ü" * 64,
        lambda link: link.split("&")[0],
        lambda link: link.split("?")[0],
        lambda link: "/",
        lambda link: "",
    ],
)
def test_a_changed_link_allows_nothing(tmp_path: Path, change: Callable[[str], str]) -> None:
    signer = UrlSigner(tmp_path / "key")
    link = signer.sign("uploads", "a", expires=timedelta(minutes=5))
    with pytest.raises(InvalidRequest):
        signer.verify(change(link))


def test_an_expired_link_says_so(tmp_path: Path) -> None:
    signer = UrlSigner(tmp_path / "key")
    with pytest.raises(InvalidRequest, match="expired"):
        signer.verify(signer.sign("uploads", "a", expires=timedelta(seconds=-2)))


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key = tmp_path / "home" / "key"
    link = UrlSigner(key).sign("uploads", "a", expires=timedelta(minutes=5))
    assert UrlSigner(key).verify(link).name == "a"
    assert key.stat().st_mode & 0o077 == 0
    assert [path.name for path in key.parent.iterdir()] == ["key"]
    with pytest.raises(InvalidRequest):
        UrlSigner(tmp_path / "another").verify(link)


def test_a_link_says_under_which_name_it_is_saved_and_no_other(tmp_path: Path) -> None:
    signer = UrlSigner(tmp_path / "key")
    link = signer.sign("work", "a", expires=timedelta(minutes=5), disposition='attachment; filename="a b.mp4"')
    assert signer.verify(link).disposition == 'attachment; filename="a b.mp4"'
    for changed in (link.replace("a+b", "c"), link.split("&disposition")[0]):
        with pytest.raises(InvalidRequest):
            signer.verify(changed)


def test_the_link_of_a_store_is_good_for_its_signer(store: ObjectStore, tmp_path: Path) -> None:
    put(store, "夏/祭り.mp4")
    allowed = UrlSigner(tmp_path / "home" / "signing.key").verify(store.signed_url("夏/祭り.mp4", expires=timedelta(minutes=5)))
    assert (allowed.bucket, allowed.name) == ("uploads", "夏/祭り.mp4")


def test_many_readers_and_writers_never_see_a_half_object(store: ObjectStore) -> None:
    put(store, "a", bytes([9]) * 50_000)

    def work(number: int) -> bool:
        for _ in range(10):
            if number < 3:
                put(store, "a", bytes([number]) * 50_000)
            else:
                data = read(store, "a")
                if data != data[:1] * 50_000:
                    return False
        return True

    assert all(together(8, work))
