"""What every `ObjectStore` promises. A backend subclasses `ObjectStoreContract` and gives it the fixtures `store` (empty) and
`changes`: a callable that returns what the store has announced so far.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from contract.given import noise, together
from scenesearch.errors import ObjectNotFound
from scenesearch.messages import ObjectChanged
from scenesearch.ports import ObjectInfo, ObjectStore
from scenesearch.video import now
from waiting import eventually

Changes = Callable[[], list[ObjectChanged]]

ODD_NAMES = [
    "plain.mp4",
    "with spaces and 'quotes\".mp4",
    "夏祭り/花火大会 第1部.mp4",
    "🎆🚗💥.mp4",
    "../../etc/passwd",
    "a/../b",
    "..",
    "/absolute",
    "//",
    "a//b",
    "a/",
    "a",
    "a/b",
    "A/B",
    "a%2Fb",
    "a?b#c&d=e",
    ".hidden",
    "CON",
    "x" * 500,
    "folder/" * 70 + "é" * 200,
]


def put(store: ObjectStore, name: str, data: bytes = b"data", **more: str) -> ObjectInfo:
    return store.replace(name, io.BytesIO(data), content_type="video/mp4", metadata=more)


def read(store: ObjectStore, name: str, generation: int | None = None) -> bytes:
    with store.open(name, generation) as file:
        return file.read()


class BrokenSource(io.BytesIO):
    """An upload whose connection breaks half-way."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= len(self.getvalue()) // 2:
            raise ConnectionResetError("the sender is gone")
        return super().read(min(size, 1000) if size and size > 0 else 1000)

    def readinto(self, buffer: object, /) -> int:
        raise ConnectionResetError("the sender is gone")


class ObjectStoreContract:
    odd_names: ClassVar[list[str]] = ODD_NAMES

    # writing and reading

    def test_an_object_comes_back_as_it_was_written(self, store: ObjectStore) -> None:
        begun = now()
        data = noise(3_000_000)
        written = store.create("a/b.mp4", io.BytesIO(data), content_type="video/mp4", metadata={"title": "夏祭り", "tags": "a,b"})
        assert written == store.stat("a/b.mp4") == store.stat("a/b.mp4", written.generation)
        assert (written.bucket, written.name) == (store.bucket, "a/b.mp4")
        assert (written.size_bytes, written.content_type) == (3_000_000, "video/mp4")
        assert written.metadata == {"title": "夏祭り", "tags": "a,b"}
        assert written.generation > 0
        assert begun - timedelta(seconds=5) <= written.updated_at <= now() + timedelta(seconds=5)
        assert read(store, "a/b.mp4") == data

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        assert put(store, "empty", b"").size_bytes == 0
        assert read(store, "empty") == b""

    def test_writing_starts_where_the_source_stands(self, store: ObjectStore, tmp_path: Path) -> None:
        path = tmp_path / "source"
        path.write_bytes(b"0123456789" * 1000)
        for name, source in (("memory", io.BytesIO(path.read_bytes())), ("file", path.open("rb"))):
            with source:
                assert source.read(4) == b"0123"
                store.create(name, source, content_type="text/plain")
            assert read(store, name) == path.read_bytes()[4:]

    def test_ranges_can_be_read_in_any_order(self, store: ObjectStore) -> None:
        data = noise(2_000_000)
        put(store, "a", data)
        with store.open("a") as file:
            assert file.seekable()
            assert file.seek(0, io.SEEK_END) == len(data)
            assert file.read(10) == b""
            for start in (1_500_000, 3, 999_999):
                assert file.seek(start) == start
                assert file.read(1000) == data[start : start + 1000]
                assert file.tell() == start + 1000
            assert file.seek(-5, io.SEEK_END) == len(data) - 5
            assert file.read(100) == data[-5:]

    def test_an_object_can_be_used_as_a_file(self, store: ObjectStore) -> None:
        info = put(store, "a/b.mp4", b"some bytes")
        with store.as_file("a/b.mp4", info.generation) as path:
            assert path.read_bytes() == b"some bytes"
        with pytest.raises(ObjectNotFound), store.as_file("a/b.mp4", info.generation + 1):
            pass
        with pytest.raises(ObjectNotFound), store.as_file("nothing"):
            pass

    def test_creating_what_is_there_leaves_it(self, store: ObjectStore) -> None:
        first = put(store, "a", b"first", title="one")
        again = store.create("a", io.BytesIO(b"second"), content_type="text/plain", metadata={"title": "two"})
        assert again == first
        assert read(store, "a") == b"first"

    def test_of_many_who_create_one_object_one_wins_and_all_hear_of_it(self, store: ObjectStore) -> None:
        infos = together(8, lambda n: store.create("a", io.BytesIO(bytes([n]) * 100_000), content_type="text/plain"))
        assert len({info.generation for info in infos}) == 1
        data = read(store, "a")
        assert data == data[:1] * 100_000

    def test_of_many_who_replace_one_object_the_newest_generation_is_whole(self, store: ObjectStore) -> None:
        infos = together(8, lambda n: put(store, "a", bytes([n]) * 100_000, by=str(n)))
        assert len({info.generation for info in infos}) == 8
        last = max(infos, key=lambda info: info.generation)
        assert store.stat("a") == last
        assert read(store, "a") == bytes([int(last.metadata["by"])]) * 100_000

    def test_a_source_that_breaks_leaves_nothing(self, store: ObjectStore) -> None:
        with pytest.raises(ConnectionResetError):
            store.create("a", BrokenSource(b"x" * 100_000), content_type="text/plain")
        with pytest.raises(ObjectNotFound):
            store.stat("a")
        assert list(store.list()) == []

    def test_a_source_that_breaks_leaves_what_was_there(self, store: ObjectStore) -> None:
        before = put(store, "a", b"before")
        with pytest.raises(ConnectionResetError):
            store.replace("a", BrokenSource(b"x" * 100_000), content_type="text/plain")
        assert store.stat("a") == before
        assert read(store, "a") == b"before"

    # generations

    def test_generations_grow_over_overwrites_and_deletes(self, store: ObjectStore) -> None:
        generations = []
        for _ in range(3):
            generations.append(put(store, "a").generation)
            generations.append(put(store, "a").generation)
            store.delete("a")
        assert generations == sorted(set(generations))

    def test_an_overwritten_generation_is_gone(self, store: ObjectStore) -> None:
        old = put(store, "a", b"old")
        new = put(store, "a", b"new")
        for generation in (old.generation, new.generation + 1):
            with pytest.raises(ObjectNotFound):
                store.stat("a", generation)
            with pytest.raises(ObjectNotFound):
                read(store, "a", generation)
        assert read(store, "a", new.generation) == b"new"

    def test_what_is_not_there_is_not_found(self, store: ObjectStore) -> None:
        for look in (store.stat, store.open):
            with pytest.raises(ObjectNotFound):
                look("nothing")

    def test_a_deleted_object_is_gone(self, store: ObjectStore) -> None:
        put(store, "a")
        assert store.delete("a")
        assert not store.delete("a")
        with pytest.raises(ObjectNotFound):
            store.stat("a")
        assert list(store.list()) == []

    def test_a_stale_delete_leaves_the_newer_generation(self, store: ObjectStore) -> None:
        old = put(store, "a", b"old")
        put(store, "a", b"new")
        assert not store.delete("a", old.generation)
        assert read(store, "a") == b"new"

    # names

    def test_odd_names_stay_apart(self, store: ObjectStore) -> None:
        for number, name in enumerate(self.odd_names):
            put(store, name, str(number).encode())
        for number, name in enumerate(self.odd_names):
            assert read(store, name) == str(number).encode()
            assert store.stat(name).name == name
        assert [info.name for info in store.list()] == sorted(self.odd_names)
        for name in self.odd_names:
            assert store.delete(name)
        assert list(store.list()) == []

    def test_a_listing_holds_what_starts_with_the_prefix_in_order_of_name(self, store: ObjectStore) -> None:
        for name in ("v1/2/b", "v1/2/a", "v1/20/a", "v10/2/a", "v1", "w/v1/2/a"):
            put(store, name)
        assert [info.name for info in store.list("v1/2/")] == ["v1/2/a", "v1/2/b"]
        assert [info.name for info in store.list("v1/2")] == ["v1/2/a", "v1/2/b", "v1/20/a"]
        assert [info.name for info in store.list("v1")] == ["v1", "v1/2/a", "v1/2/b", "v1/20/a", "v10/2/a"]
        assert list(store.list("v2/")) == []
        assert next(iter(store.list("v1/2/"))) == store.stat("v1/2/a")

    # announcements

    def test_a_write_is_announced(self, store: ObjectStore, changes: Changes) -> None:
        info = put(store, "夏/祭り.mp4")
        news = ObjectChanged(event="OBJECT_FINALIZE", bucket=store.bucket, name="夏/祭り.mp4", generation=info.generation)
        eventually(lambda: news in changes())

    def test_a_delete_is_announced_with_its_generation(self, store: ObjectStore, changes: Changes) -> None:
        info = put(store, "a")
        store.delete("a")
        news = ObjectChanged(event="OBJECT_DELETE", bucket=store.bucket, name="a", generation=info.generation)
        eventually(lambda: news in changes())

    def test_an_overwrite_is_announced_as_the_old_ones_end_and_the_new_ones_begin(self, store: ObjectStore, changes: Changes) -> None:
        old, new = put(store, "a"), put(store, "a")
        end = ObjectChanged(event="OBJECT_DELETE", bucket=store.bucket, name="a", generation=old.generation)
        begin = ObjectChanged(event="OBJECT_FINALIZE", bucket=store.bucket, name="a", generation=new.generation)
        eventually(lambda: {end, begin} <= set(changes()))

    def test_what_changed_nothing_is_not_announced(self, store: ObjectStore, changes: Changes) -> None:
        info = put(store, "a")
        store.create("a", io.BytesIO(b"again"), content_type="text/plain")
        store.delete("a", info.generation + 1)
        store.delete("nothing")
        last = put(store, "b")
        eventually(lambda: last.generation in {change.generation for change in changes()})
        assert {change.generation for change in changes()} == {info.generation, last.generation}

    # links

    def test_a_link_names_one_object_and_no_secret(self, store: ObjectStore) -> None:
        put(store, "a")
        put(store, "b")
        links = {store.signed_url(name, expires=timedelta(minutes=5)) for name in "ab"}
        links.add(store.signed_url("a", expires=timedelta(minutes=5), method="PUT", content_type="video/mp4"))
        assert len(links) == 3
        assert not any(link.startswith("file:") for link in links)
