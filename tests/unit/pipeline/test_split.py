"""An upload becomes chunks: planned first, cut, told; whatever happens in between."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from media_files import Recipe, make
from media_reading import numbers_seen
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.config import Settings
from scenesearch.errors import StorageFull
from scenesearch.media.probe import probe
from scenesearch.messages import ChunkWork, Message, ObjectChanged, SplitWork, Subscription, Topic, VideoEvent
from scenesearch.moments import Moment
from scenesearch.pipeline.backfill import backfill
from scenesearch.pipeline.remove import forget
from scenesearch.pipeline.split import split, thumbnails_object
from scenesearch.ports import Candidate, Filters, ObjectInfo, Ports, ScoreScale, Vectors
from scenesearch.video import Chunk, Video, VideoRef, VideoState, video_id, work_prefix

SETTINGS = Settings(chunk_seconds=3)


class NoIndex:
    """Nothing is extracted here, so nothing is to be found."""

    def replace(self, ref: VideoRef, chunk: int, moments: list[Moment], vectors: Vectors) -> None:
        assert not moments

    def remove(self, video_id: str, generation: int | None = None) -> None: ...
    def clear(self) -> None: ...
    def dense(self, vector: Vectors, filters: Filters, limit: int) -> list[Candidate]: ...
    def lexical(self, query: str, filters: Filters, limit: int) -> list[Candidate]: ...


class NoEmbedder:
    name, dimension, scale = "none", 1, ScoreScale(mean=0.1, std=0.1)

    def queries(self, texts: list[str]) -> Vectors:
        return np.ones((len(texts), 1), np.float32)

    passages = queries


@dataclass
class House:
    """A real one-machine backend in a folder."""

    ports: Ports
    events: list[VideoEvent]

    def upload(self, path: Path, name: str = "films/one.mp4", **metadata: str) -> ObjectChanged:
        with path.open("rb") as file:
            info = self.ports.uploads.replace(name, file, content_type="video/mp4", metadata=metadata)
        return ObjectChanged(event="OBJECT_FINALIZE", bucket=info.bucket, name=info.name, generation=info.generation)

    def video(self, upload: ObjectChanged) -> Video:
        video = self.ports.catalog.generation(ref_of(upload))
        assert video is not None
        return video

    def chunks(self, upload: ObjectChanged) -> list[Chunk]:
        return self.ports.catalog.chunks(ref_of(upload))

    def told(self, subscription: Subscription) -> list[Message]:
        """What waits on a subscription, taken off it."""
        queue, taken = self.ports.publisher, []
        assert isinstance(queue, LocalQueue)
        while claim := queue.claim([subscription], timedelta(minutes=1)):
            taken.append(claim.message)
            queue.acknowledge(claim)
        return taken

    def split_to_the_end(self, upload: ObjectChanged, settings: Settings = SETTINGS) -> int:
        """Follow what split hands on to itself; how many messages it took."""
        split(upload, self.ports, settings)
        turns = 1
        while rest := self.told(Subscription.SPLIT_SPLITS):
            for message in rest:
                assert isinstance(message, SplitWork)
                split(message, self.ports, settings)
                turns += 1
        return turns


def ref_of(upload: ObjectChanged) -> VideoRef:
    return VideoRef(video_id(upload.bucket, upload.name), upload.generation)


class Listening(LocalQueue):
    """Video events go outside: they have no subscription here."""

    events: list[VideoEvent]

    def publish(self, topic: Topic, message: Message, *, delay: timedelta = timedelta(0)) -> None:
        if isinstance(message, VideoEvent):
            self.events.append(message)
        super().publish(topic, message, delay=delay)


def house_in(folder: Path) -> House:
    database = Database(folder / "catalog.sqlite")
    queue = Listening(database)
    queue.events = []
    signer = UrlSigner(folder / "key")
    ports = Ports(
        uploads=FolderObjectStore(folder / "uploads", "uploads", signer=signer, on_change=partial(queue.publish, Topic.OBJECTS)),
        work=FolderObjectStore(folder / "work", "work", signer=signer),
        publisher=queue,
        catalog=LocalCatalog(database),
        index=NoIndex(),
        embedder=NoEmbedder(),
    )
    return House(ports, queue.events)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return house_in(tmp_path / "house")


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("film") / "film.mp4", Recipe(seconds=12))


def test_an_upload_becomes_clips_that_are_told_to_every_extractor(house: House, film: Path) -> None:
    upload = house.upload(film, "films/三本目/The one.mp4", title="三本目", language="ja", tags="夏, night ,")
    split(upload, house.ports, SETTINGS)
    video = house.video(upload)
    assert (video.title, video.language, video.tags, video.collection) == ("三本目", "ja", ("夏", "night"), "films")
    assert (video.state, video.chunk_count, video.open_chunks) == (VideoState.EXTRACTING, 4, frozenset(range(4)))
    assert video.media is not None
    assert video.size_bytes == film.stat().st_size
    for chunk in house.chunks(upload):
        for clip in (chunk.video_clip, chunk.audio_clip):
            assert clip is not None
            info = house.ports.work.stat(clip.object_name)
            assert (info.size_bytes, info.content_type) == (clip.size_bytes, clip.content_type)
        assert chunk.video_clip is not None
        with house.ports.work.open(chunk.video_clip.object_name) as file:
            assert abs(probe(file).duration_ms - chunk.video_clip.duration_ms) <= 1
        assert chunk.video_clip.start_ms == chunk.span.start_ms
    for subscription in (Subscription.EXTRACT_VISUAL_INFO, Subscription.EXTRACT_TRANSCRIPTION, Subscription.EXTRACT_TEXTS):
        assert [m.chunk for m in house.told(subscription) if isinstance(m, ChunkWork)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("suffix", "recipe"),
    [
        (".mp4", Recipe(seconds=8, audio_start=0.3)),
        (".webm", Recipe(seconds=8, codec="libvpx-vp9", audio="libopus", format="webm")),
        (".avi", Recipe(seconds=8, codec="mpeg4", audio="libmp3lame", format="avi")),
    ],
    ids=["copied", "webm", "transcoded"],
)
def test_models_that_bill_sound_get_the_same_pictures_without_it(house: House, tmp_path: Path, suffix: str, recipe: Recipe) -> None:
    upload = house.upload(make(tmp_path / f"film{suffix}", recipe), f"film{suffix}")
    house.split_to_the_end(upload, Settings(chunk_seconds=3, models="vertexai"))
    work = house.ports.work
    for chunk in house.chunks(upload):
        assert chunk.video_clip is not None
        assert chunk.silent_clip is not None
        with work.open(chunk.video_clip.object_name) as heard, work.open(chunk.silent_clip.object_name) as silent:
            assert probe(silent).audio_codec is None
            there, here = numbers_seen(heard), numbers_seen(silent)
        shift = chunk.silent_clip.start_ms - chunk.video_clip.start_ms
        assert list(here.values()) == list(there.values())
        assert all(abs(a + shift - b) <= 1 for a, b in zip(here, there, strict=True))


def test_a_silent_video_has_no_second_clip_of_its_pictures(house: House, tmp_path: Path) -> None:
    upload = house.upload(make(tmp_path / "film.mp4", Recipe(seconds=4, audio=None)), "film.mp4")
    split(upload, house.ports, Settings(models="vertexai"))
    assert [chunk.silent_clip for chunk in house.chunks(upload)] == [None]


def test_a_title_defaults_to_the_file_name(house: House, film: Path) -> None:
    upload = house.upload(film, "film.mp4")
    split(upload, house.ports, SETTINGS)
    assert (house.video(upload).title, house.video(upload).collection) == ("film", "default")


def test_thumbnails_cover_the_video_in_one_vtt(house: House, film: Path) -> None:
    upload = house.upload(film)
    split(upload, house.ports, SETTINGS)
    with house.ports.work.open(thumbnails_object(ref_of(upload))) as file:
        text = file.read().decode()
    cues = [line for line in text.splitlines() if "-->" in line]
    assert cues[0].startswith("00:00:00.000")
    assert cues[-1].endswith(f"00:00:{house.video(upload).duration_ms / 1000:06.3f}")
    assert all(before.split(" --> ")[1] == after.split(" --> ")[0] for before, after in pairwise(cues))
    names = {line.partition("#")[0] for line in text.splitlines() if "#xywh" in line}
    assert names == {f"sprite-{n:03}.jpg" for n in range(4)}
    folder = thumbnails_object(ref_of(upload)).rpartition("/")[0]
    assert all(house.ports.work.stat(f"{folder}/{name}").content_type == "image/jpeg" for name in names)


def test_delivered_twice_it_tells_again_and_cuts_nothing(house: House, film: Path) -> None:
    upload = house.upload(film)
    split(upload, house.ports, SETTINGS)
    chunks, objects = house.chunks(upload), list(house.ports.work.list())
    split(upload, house.ports, Settings(chunk_seconds=5))
    assert house.chunks(upload) == chunks
    assert list(house.ports.work.list()) == objects
    assert sorted(m.chunk for m in house.told(Subscription.EXTRACT_TEXTS) if isinstance(m, ChunkWork)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_when_time_runs_out_it_hands_the_rest_to_itself(house: House, film: Path) -> None:
    hurried = Settings(chunk_seconds=3, split_seconds=0.000001)
    upload = house.upload(film)
    split(upload, house.ports, hurried)
    assert [chunk.video_clip is not None for chunk in house.chunks(upload)] == [True, False, False, False]
    assert house.video(upload).state is VideoState.SPLITTING
    assert house.split_to_the_end(upload, hurried) == 4
    assert all(chunk.video_clip for chunk in house.chunks(upload))
    assert house.video(upload).state is VideoState.EXTRACTING


def test_transcodes_have_a_message_each(house: House, tmp_path: Path) -> None:
    upload = house.upload(make(tmp_path / "a.avi", Recipe(seconds=9, format="avi", codec="mjpeg", audio="pcm_s16le")), "a.avi")
    assert house.split_to_the_end(upload) == 3
    assert [chunk.transcode for chunk in house.chunks(upload)] == [True] * 3
    assert house.video(upload).state is VideoState.EXTRACTING


def test_a_video_without_sound_has_no_audio_clips(house: House, tmp_path: Path) -> None:
    upload = house.upload(make(tmp_path / "a.mp4", Recipe(audio=None)))
    split(upload, house.ports, SETTINGS)
    assert all(chunk.video_clip and chunk.audio_clip is None for chunk in house.chunks(upload))


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "empty"), (b"not a video\n" * 100, "text"), (bytes(4) + b"ftypisom" + bytes(3000), "moov")],
    ids=["empty", "text", "no moov"],
)
def test_what_cannot_be_read_fails_with_its_reason_and_is_announced(house: House, tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    upload = house.upload(path)
    split(upload, house.ports, SETTINGS)
    video = house.video(upload)
    assert video.state is VideoState.FAILED
    assert word in (video.error or "")
    assert [(event.state, event.error) for event in house.events] == [(VideoState.FAILED, video.error)]
    split(upload, house.ports, SETTINGS)  # once more, as a redelivery: the same event, the same end
    assert {event.event_id for event in house.events} == {house.events[0].event_id}


def test_a_chunk_that_cannot_be_cut_is_closed_and_the_others_go_on(house: House, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Recipe(seconds=20, codec="mjpeg", audio=None, fps=25, options={"movflags": "faststart"}))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    upload = house.upload(path)
    house.split_to_the_end(upload)
    chunks, video = house.chunks(upload), house.video(upload)
    assert chunks[0].video_clip is not None
    assert chunks[-1].video_clip is None
    assert "upload it again" in (chunks[-1].failure or "")
    assert video.open_chunks == {chunk.number for chunk in chunks if chunk.failure is None}
    assert video.state is VideoState.EXTRACTING


def test_a_video_that_is_gone_is_dropped(house: House, film: Path) -> None:
    old = house.upload(film)
    new = house.upload(film)
    split(old, house.ports, SETTINGS)
    assert house.ports.catalog.generation(ref_of(old)) is None
    house.ports.uploads.delete(new.name)
    split(new, house.ports, SETTINGS)
    split(SplitWork(video_id="v0", generation=1), house.ports, SETTINGS)
    assert house.ports.catalog.generation(ref_of(new)) is None


def test_a_video_removed_while_it_is_cut_leaves_quietly(house: House, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = house.upload(film)
    create = house.ports.work.create

    def removing(name: str, source: BinaryIO, **said: str) -> ObjectInfo:
        if name.endswith("00001-video.mp4"):
            forget(ref_of(upload), house.ports)
        return create(name, source, **said)  # type: ignore[arg-type]

    monkeypatch.setattr(house.ports.work, "create", removing)
    split(upload, house.ports, SETTINGS)
    assert house.ports.catalog.generation(ref_of(upload)) is None


def test_other_changes_are_not_for_split(house: House, film: Path) -> None:
    upload = house.upload(film)
    split(upload.model_copy(update={"event": "OBJECT_DELETE"}), house.ports, SETTINGS)
    split(upload.model_copy(update={"bucket": "work"}), house.ports, SETTINGS)
    for hidden in ("card/._one.mp4", "card/.DS_Store", "x/.mp4"):
        split(house.upload(film, hidden), house.ports, SETTINGS)
    assert backfill("card/", house.ports) == []
    assert list(house.ports.catalog.videos()) == []


def test_a_changed_file_under_the_same_name_is_a_generation_of_its_own(house: House, film: Path, tmp_path: Path) -> None:
    first = house.upload(film)
    split(first, house.ports, SETTINGS)
    second = house.upload(make(tmp_path / "b.mp4", Recipe(seconds=6)))
    split(second, house.ports, SETTINGS)
    assert ref_of(first).video_id == ref_of(second).video_id
    assert (len(house.chunks(first)), len(house.chunks(second))) == (4, 2)


def test_past_the_daily_cap_a_video_waits_and_goes_on_another_day(house: House, film: Path) -> None:
    capped = Settings(chunk_seconds=3, daily_hours=15 / 3600)
    first, second = house.upload(film, "one.mp4"), house.upload(film, "two.mp4")
    split(first, house.ports, capped)
    split(second, house.ports, capped)
    assert house.video(first).state is VideoState.EXTRACTING
    assert house.video(second).state is VideoState.WAITING
    assert "used up" in (house.video(second).error or "")
    split(second, house.ports, Settings(chunk_seconds=3, daily_hours=1))
    assert house.video(second).state is VideoState.EXTRACTING
    assert house.video(second).error is None


def test_a_video_longer_than_a_day_s_cap_fails(house: House, film: Path) -> None:
    upload = house.upload(film)
    split(upload, house.ports, Settings(daily_hours=1 / 3600))
    assert house.video(upload).state is VideoState.FAILED
    assert "SCENESEARCH_DAILY_HOURS" in (house.video(upload).error or "")


def test_a_lost_clip_is_cut_again_also_when_the_video_is_ready(house: House, film: Path) -> None:
    upload = house.upload(film)
    split(upload, house.ports, SETTINGS)
    ref, before = ref_of(upload), house.chunks(upload)
    for number in range(4):
        house.ports.catalog.close_chunk(ref, number)
    house.ports.catalog.move(ref, to=VideoState.ASSEMBLING, when=frozenset({VideoState.EXTRACTING}))
    house.ports.catalog.move(ref, to=VideoState.READY, when=frozenset({VideoState.ASSEMBLING}))
    house.ports.catalog.commit_clips(ref, 2, video_clip=None, audio_clip=None)
    split(SplitWork(video_id=ref.video_id, generation=ref.generation), house.ports, SETTINGS)
    assert house.chunks(upload) == before
    assert house.video(upload).state is VideoState.READY


@pytest.mark.parametrize("name", ["  spaces  .mp4", "日本語/🎬 映画.mp4", "../../etc/passwd", "a" * 500 + ".mp4", "%2e%2e/\\.mp4"])
def test_any_name_will_do(house: House, film: Path, name: str) -> None:
    upload = house.upload(film, name)
    split(upload, house.ports, SETTINGS)
    assert house.video(upload).state is VideoState.EXTRACTING


def test_a_full_work_bucket_says_so_and_nothing_is_committed_half(house: House, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = house.upload(film)

    def full(*_: object, **__: object) -> ObjectInfo:
        raise StorageFull

    with monkeypatch.context() as patched:
        patched.setattr(house.ports.work, "create", full)
        with pytest.raises(StorageFull, match="retry"):
            split(upload, house.ports, SETTINGS)
    assert all(chunk.video_clip is None and chunk.failure is None for chunk in house.chunks(upload))
    split(upload, house.ports, SETTINGS)
    assert house.video(upload).state is VideoState.EXTRACTING


KILLED_SPLIT = """
import os, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {here!r}]
from test_split import SETTINGS, house_in
from scenesearch.messages import ObjectChanged
from scenesearch.pipeline.split import split
house, left = house_in(Path(sys.argv[1])), int(sys.argv[2])
def counted(work):
    def doing(*args, **named):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return work(*args, **named)
    return doing
for port, name in [(house.ports.catalog, n) for n in ("begin", "commit_plan", "commit_clips", "move")] + [
    (house.ports.work, "create"), (house.ports.work, "replace"), (house.ports.publisher, "publish")
]:
    setattr(port, name, counted(getattr(port, name)))
split(ObjectChanged.model_validate_json(sys.argv[3]), house.ports, SETTINGS)
"""


def state_of(house: House, upload: ObjectChanged) -> tuple[object, ...]:
    """Everything that split left, without the generation in the names."""
    video, prefix = house.video(upload), work_prefix(ref_of(upload))
    chunks = repr(house.chunks(upload)).replace(prefix, "")
    return video.state, video.open_chunks, chunks, [(i.name.replace(prefix, ""), i.size_bytes) for i in house.ports.work.list()]


@pytest.mark.slow
def test_killed_at_any_step_and_delivered_again_it_ends_with_the_same_chunks(tmp_path: Path, film: Path) -> None:
    undisturbed = house_in(tmp_path / "calm")
    upload = undisturbed.upload(film)
    split(upload, undisturbed.ports, SETTINGS)
    wanted = state_of(undisturbed, upload)
    here = Path(__file__).parent
    program = KILLED_SPLIT.format(tests=str(here.parents[1]), here=str(here))
    for steps in range(0, 40, 3):
        folder = tmp_path / f"killed-{steps}"
        house = house_in(folder)
        upload = house.upload(film)
        run = subprocess.run([sys.executable, "-c", program, str(folder), str(steps), upload.model_dump_json()], check=False)
        assert run.returncode in (0, 9)
        house.split_to_the_end(upload)
        assert state_of(house, upload) == wanted
        told = {m.chunk for m in house.told(Subscription.EXTRACT_TEXTS) if isinstance(m, ChunkWork)}
        assert told == {0, 1, 2, 3}
