"""A stand-in for Vertex AI, the real client on it, and a coded video in a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from integration.vertexai.harbour import FROM_S, NUMBER, SECONDS, TRUTH, Chunk, GsFolder, chunk_in
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.config import Settings
from scenesearch.models.vertexai.client import VertexClient
from stand_ins.vertexai.coded import make
from stand_ins.vertexai.control import Control
from stand_ins.vertexai.server import serving


@pytest.fixture(scope="session")
def coded_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Coded video 7: 16 s, a keyframe every second."""
    return make(tmp_path_factory.mktemp("coded") / "video.mp4", NUMBER, FROM_S + SECONDS)


@pytest.fixture(scope="session")
def clips(coded_video: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The video's seconds 4 to 16, as a chunk is cut: with pictures and sound, and sound alone."""
    return cut(coded_video, tmp_path_factory.mktemp("clips"), from_s=FROM_S)


def cut(video: Path, folder: Path, *, from_s: float) -> tuple[Path, Path]:
    """The two clips of the chunk that begins there, without a picture touched."""
    both, sound = folder / "0001.mp4", folder / "0001.m4a"
    for path, kinds in ((both, ("video", "audio")), (sound, ("audio",))):
        with av.open(str(video), "r") as source, av.open(str(path), "w", format="mp4") as out:
            streams = [s for s in source.streams if s.type in kinds]
            copies = {s.index: out.add_stream_from_template(s) for s in streams}
            first: dict[int, int] = {}
            for packet in source.demux(streams):
                if packet.pts is None or packet.pts * packet.time_base < from_s - 0.001:
                    continue
                start = first.setdefault(packet.stream_index, packet.pts)
                packet.pts, packet.dts = packet.pts - start, (packet.dts or 0) - start
                packet.stream = copies[packet.stream_index]
                out.mux(packet)
    return both, sound


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Control, Path]]:
    """One stand-in for all tests, and the folder in which it looks for `gs://` objects."""
    folder = tmp_path_factory.mktemp("gs")
    with serving(folder=folder) as control:
        yield control, folder


@pytest.fixture(autouse=True)
def stand_in(server: tuple[Control, Path]) -> Control:
    """The stand-in, with nothing in its memory but the truth about the harbour."""
    control, _ = server
    control.script()
    control.tell(TRUTH)
    control.forget()
    return control


@pytest.fixture(scope="session")
def settings(server: tuple[Control, Path]) -> Settings:
    """The stand-in for Vertex AI, and hardly a pause between tries."""
    return Settings(vertexai_base_url=server[0].url, vertexai_project="testing", vertexai_retry_seconds=0.01)


@pytest.fixture(scope="session")
def client(settings: Settings) -> VertexClient:
    return VertexClient(settings)


@pytest.fixture
def store(tmp_path: Path, server: tuple[Control, Path]) -> GsFolder:
    """The work bucket, with `gs://` addresses."""
    made = GsFolder(tmp_path / "work", "work", signer=UrlSigner(tmp_path / "key"))
    made.gs = server[1]
    return made


@pytest.fixture
def chunk(store: GsFolder, clips: tuple[Path, Path]) -> Chunk:
    return chunk_in(store, clips)
