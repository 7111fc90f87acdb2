"""The worked hour of `docs/operate.md`: recomputed by letting the code ask the stand-in, which counts tokens as Google documents them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integration.vertexai.conftest import cut
from integration.vertexai.harbour import Chunk, GsFolder, chunk_in, soon
from integration.vertexai.test_summary import CHUNK_MS, REF, video
from scenesearch.config import Settings
from scenesearch.media.clip_writer import WrittenClip
from scenesearch.media.codecs import MP4
from scenesearch.media.silent import without_sound
from scenesearch.metadata import CHUNK_SECTIONS, Section
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.embedder import PASSAGE
from scenesearch.models.vertexai.extractor import extractor_of
from scenesearch.models.vertexai.summarizer import GeminiSummarizer
from scenesearch.moments import moments_of
from scenesearch.ports import Extraction
from scenesearch.price import Price
from scenesearch.video import Profile, SectionKey, SectionRecord, SectionState, Usage
from stand_ins.vertexai.coded import make
from stand_ins.vertexai.control import Control

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operate.md"
NUMBER, CHUNKS = 9, 12
MOST_WITH_BATCH = 0.30
"""US dollars that an hour of video may cost at the batch price (issue 11)."""

DAY = datetime(2026, 12, 1, tzinfo=UTC)
"""The day whose prices count."""

SEEN = "A woman in a red coat crosses the square in front of the town hall, seen from above; a tram passes from left to right."
TRUTH: Mapping[str, Any] = {
    "videos": {
        str(NUMBER): {
            "digest": "People cross a square in front of a town hall; a tram passes; two of them talk about the budget of next year.",
            "visual_info": [{"start": t, "end": t + 5, "description": SEEN, "subject_scale": 0.3} for t in range(0, 300, 5)],
            "transcription": [
                {
                    "start": t,
                    "end": t + 3.5,
                    "text": f"Sentence {t} is about the budget of next year.",
                    "speaker": ("Anna", "Ken")[t // 4 % 2],
                }
                for t in range(0, 300, 4)
            ],
            "texts": [{"start": t, "end": t + 6, "lines": [f"Budget {t}", "Ministry of finance"]} for t in range(0, 290, 15)],
        }
    }
}


@pytest.fixture(scope="module")
def five_minutes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("hour")
    both, sound = cut(make(folder / "video.mp4", NUMBER, 300), folder, from_s=0)
    pictures = folder / "silent.mp4"
    with both.open("rb") as file, without_sound(WrittenClip(file, MP4, 0, 300_000)) as silent:
        pictures.write_bytes(silent.file.read())
    return pictures, sound


@pytest.mark.slow
def test_the_worked_hour_is_what_the_code_sends_at_the_prices_of_the_table(
    client: VertexClient, settings: Settings, store: GsFolder, five_minutes: tuple[Path, Path], stand_in: Control
) -> None:
    stand_in.tell(TRUTH)
    chunk = chunk_in(store, five_minutes, start_s=0, seconds=300)
    read = {section: _read(section, client, settings, chunk) for section in CHUNK_SECTIONS}
    records = [_record(number, section, read[section]) for number in range(CHUNKS) for section in CHUNK_SECTIONS]
    story = GeminiSummarizer(client, settings).summarize(video(CHUNKS), records, Profile())
    moments = moments_of(video(CHUNKS), 0, [entry for section in CHUNK_SECTIONS for entry in read[section].entries])
    _, vectors = client.embed([PASSAGE.format(moment.text) for moment in moments], deadline=soon())

    bulk, quality, embedding = settings.vertexai_bulk_model, settings.vertexai_quality_model, settings.vertexai_embedding_model
    spent = [(f"`{section}`", bulk, _times(read[section].usage, CHUNKS), Price.BATCH) for section in CHUNK_SECTIONS]
    spent.append(("summary, scenes, speakers", quality, story.usage, Price.FLEX))
    spent.append(("vectors", embedding, _times(vectors, CHUNKS), Price.STANDARD))
    lines = [Line(what, model, usage.tokens, _prices(model, usage, cheapest, client)) for what, model, usage, cheapest in spent]
    whole = Line("**together**", "", sum((usage for _, _, usage, _ in spent), Usage()).tokens, _sum(line.usd for line in lines))
    table = "\n".join(map(str, (*lines, whole)))
    assert table in PAGE.read_text("utf-8"), f"the page's worked hour should be\n{table}"
    assert client.prices.checked.isoformat() in PAGE.read_text("utf-8")
    assert whole.usd[Price.BATCH] <= MOST_WITH_BATCH
    media = {section: read[section].usage.tokens for section in CHUNK_SECTIONS}
    assert media[Section.VISUAL_INFO]["video"] == 300 * settings.vertexai_visual_info_fps * 70
    assert media[Section.TEXTS]["video"] == 300 * settings.vertexai_texts_fps * 280
    assert "video" not in media[Section.TRANSCRIPTION]
    assert media[Section.TRANSCRIPTION]["audio"] == pytest.approx(300 * 32, rel=0.001)
    assert "audio" not in {*media[Section.VISUAL_INFO], *media[Section.TEXTS]}


def _read(section: Section, client: VertexClient, settings: Settings, chunk: Chunk) -> Extraction:
    extractor = extractor_of(section, client, settings)
    return extractor.extract(chunk.audio if extractor.wants_audio else chunk.video, deadline=soon())


def _record(number: int, section: Section, read: Extraction) -> SectionRecord:
    entries = tuple(replace(entry, span=entry.span.shifted(number * CHUNK_MS)) for entry in read.entries)
    return SectionRecord(key=SectionKey(REF, number, section), state=SectionState.DONE, entries=entries, digest=read.digest)


def _times(usage: Usage, count: int) -> Usage:
    return sum([usage] * count, Usage())


@dataclass(frozen=True)
class Line:
    """A line of the page's table: tokens by modality, US dollars by price."""

    what: str
    model: str
    tokens: Mapping[str, int]
    usd: Mapping[Price, float]

    def __str__(self) -> str:
        counts = (f"{round(self.tokens.get(kind, 0), -3):,}" for kind in ("video", "audio", "text", "output"))
        return " | ".join((f"| {self.what}", self.model, *counts, *(f"{self.usd[price]:.2f}" for price in Price))) + " |"


def _prices(model: str, usage: Usage, cheapest: Price, client: VertexClient) -> Mapping[Price, float]:
    """The cost at each price; what has no price as cheap as the video's is asked for at the `cheapest` that it has."""
    order = list(Price)
    actual = {price: min(price, cheapest, key=order.index) for price in Price}
    return {price: client.prices.cost_usd(model, usage.tokens, DAY.date(), actual[price]) for price in Price}


def _sum(costs: Iterable[Mapping[Price, float]]) -> Mapping[Price, float]:
    return dict(sum((Counter(cost) for cost in costs), Counter[Price]()))
