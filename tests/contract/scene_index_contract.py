"""What every `SceneIndex` promises. A backend subclasses `SceneIndexContract` and gives it `index` (empty) and `other_index`.

`other_index(embedder)` is the same index, opened again (by another process, say) with an embedder of that name. Vectors have
`DIMENSION` numbers and come from `EMBEDDER`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.given import a_video, together
from scenesearch.errors import IndexMismatch
from scenesearch.metadata import Entry, Layout, Section, TextKind
from scenesearch.moments import Moment, Row, moments_of
from scenesearch.ports import Candidate, Filters, Hit, Probe, SceneIndex, ScoreScale
from scenesearch.ranking.strength import LEXICAL
from scenesearch.ranking.words import words
from scenesearch.timeline import Span
from scenesearch.video import Video, VideoRef

EMBEDDER = "an embedder"
DIMENSION = 64
SCALE = ScoreScale(mean=0.0, std=0.05)

OpenAgain = Callable[[str], SceneIndex]


def direction(seed: int) -> NDArray[np.float32]:
    """A unit vector; different seeds are nearly at right angles."""
    vector = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return unit


def said(text: str, at_s: int, section: Section = Section.TRANSCRIPTION) -> Entry:
    return Entry(section=section, span=Span(at_s * 1000, at_s * 1000 + 900), text=text)


def a_moment(
    ref: VideoRef,
    number: int,
    text: str,
    *,
    chunk: int = 0,
    collection: str = "default",
    language: str | None = "en",
    section: Section = Section.TRANSCRIPTION,
) -> Moment:
    entry = said(text, number, section)
    row = Row(entry.span, (entry,))
    return Moment(ref=ref, collection=collection, language=language, chunk=chunk, number=number, first_row=number, rows=(row,))


def put(
    index: SceneIndex, ref: VideoRef, texts: Sequence[str], *, seeds: Sequence[int] | None = None, chunk: int = 0, **more: str
) -> list[Moment]:
    """A moment a text, the nth with the vector of the nth seed (by default the same for all)."""
    moments = [a_moment(ref, n, text, chunk=chunk, **more) for n, text in enumerate(texts)]
    index.replace(ref, chunk, moments, np.stack([direction(seed) for seed in (seeds or [0] * len(texts))]))
    return moments


def probe(
    index: SceneIndex, text: str, seed: int = 999, *, phrases: tuple[tuple[str, ...], ...] = (), sections: frozenset[Section] = frozenset()
) -> Probe:
    return Probe(vector=direction(seed), scale=SCALE, words=index.weigh(words(text)), phrases=phrases, sections=sections)


def found(index: SceneIndex, text: str, seed: int = 999, filters: Filters | None = None, limit: int = 10, per_video: int = 10) -> list[Hit]:
    return index.find(probe(index, text, seed), filters or Filters(), limit, per_video)


def places(hits: Sequence[Hit]) -> list[tuple[str, int, int]]:
    return [(hit.ref.video_id, hit.chunk, hit.number) for hit in hits]


A, B, C = VideoRef("va", 1), VideoRef("vb", 1), VideoRef("vc", 1)


class SceneIndexContract:
    """Subclass as `TestXIndex`."""

    def test_an_empty_index_finds_nothing(self, index: SceneIndex) -> None:
        assert found(index, "red car") == []
        assert index.read([A], probe(index, "red car"), 5) in ({}, {A: []})
        assert index.weigh(["red"]).shares == pytest.approx({"red": 1.0})

    def test_words_find_what_vectors_miss(self, index: SceneIndex) -> None:
        put(index, A, ["a dog barks", "the red car explodes", "rain falls"])
        assert places(found(index, "where does the car explode"))[0] == ("va", 0, 1)

    def test_vectors_find_what_words_miss(self, index: SceneIndex) -> None:
        put(index, A, ["eins", "zwei", "drei"], seeds=[1, 2, 3])
        hits = found(index, "two", seed=2)
        assert places(hits)[0] == ("va", 0, 1)
        assert hits[0].strength == pytest.approx(1 / SCALE.std, rel=0.02)

    def test_without_a_vector_the_words_alone_are_asked_for(self, index: SceneIndex) -> None:
        put(index, A, ["a dog barks", "the red car explodes", "rain falls"], seeds=[1, 2, 3])
        asked = replace(probe(index, "red car"), vector=np.zeros(DIMENSION, np.float32))
        best, *others = index.find(asked, Filters(), 10, 10)
        assert places([best]) == [("va", 0, 1)]
        assert 0 < best.strength <= LEXICAL
        assert [hit.strength for hit in others] == [0.0] * len(others)
        [read, *_] = index.read([A], asked, 5)[A]
        assert (read.moment.text, read.similarity) == ("the red car explodes", 0.0)
        nothing = replace(asked, words=index.weigh([]))
        assert {hit.strength for hit in index.find(nothing, Filters(), 10, 10)} <= {0.0}

    def test_strength_is_likeness_and_the_share_of_words(self, index: SceneIndex) -> None:
        put(index, A, ["red car", "red house"], seeds=[1, 1])
        both, one = found(index, "red car", seed=1)
        assert both.number == 0
        assert both.strength > one.strength > 1 / SCALE.std - 0.5

    def test_unspaced_scripts_are_found_by_their_words(self, index: SceneIndex) -> None:
        put(index, A, ["学校の教室で先生が話す", "赤い車が爆発する", "花火が上がる"])
        assert places(found(index, "爆発する車"))[0] == ("va", 0, 1)

    def test_replacing_a_chunk_leaves_only_the_new_moments(self, index: SceneIndex) -> None:
        put(index, A, ["old car", "old house", "old tree"])
        put(index, A, ["other chunk"], chunk=1)
        put(index, A, ["new car"])
        assert sorted(places(found(index, "car"))) == [("va", 0, 0), ("va", 1, 0)]
        [first, *_] = index.read([A], probe(index, "car"), 10)[A]
        assert first.moment.text == "new car"

    def test_replacing_twice_is_replacing_once(self, index: SceneIndex) -> None:
        for _ in range(2):
            put(index, A, ["a car", "a house"])
        assert sorted(places(found(index, "car"))) == [("va", 0, 0), ("va", 0, 1)]

    def test_replacing_with_nothing_empties_the_chunk(self, index: SceneIndex) -> None:
        put(index, A, ["a car"])
        index.replace(A, 0, [], np.zeros((0, DIMENSION), np.float32))
        assert found(index, "car") == []

    def test_generations_do_not_meet(self, index: SceneIndex) -> None:
        newer = VideoRef(A.video_id, 2)
        put(index, A, ["old car"])
        put(index, newer, ["new car"])
        assert {hit.ref for hit in found(index, "car")} == {A, newer}
        assert [c.moment.text for c in index.read([newer], probe(index, "car"), 10)[newer]] == ["new car"]
        index.remove(A.video_id, 1)
        assert {hit.ref for hit in found(index, "car")} == {newer}

    def test_removing_a_video_removes_all_of_it_and_nothing_else(self, index: SceneIndex) -> None:
        put(index, A, ["a car"])
        put(index, A, ["a car"], chunk=1)
        put(index, VideoRef("va", 2), ["a car"])
        put(index, B, ["a car"])
        index.remove("va")
        index.remove("va")
        index.remove("never seen")
        assert places(found(index, "car")) == [("vb", 0, 0)]

    def test_filters(self, index: SceneIndex) -> None:
        put(index, A, ["a car"], collection="team", language="en")
        put(index, B, ["a car"], collection="team", language="ja")
        put(index, C, ["a car"], collection="other", language="en")

        def videos(**filters: object) -> set[str]:
            return {hit.ref.video_id for hit in found(index, "car", filters=Filters(**filters))}  # type: ignore[arg-type]

        assert videos() == {"va", "vb", "vc"}
        assert videos(collections=frozenset({"team"})) == {"va", "vb"}
        assert videos(collections=frozenset({"team", "other"})) == {"va", "vb", "vc"}
        assert videos(language="en") == {"va", "vc"}
        assert videos(collections=frozenset({"team"}), language="en") == {"va"}
        assert videos(video_id="vb") == {"vb"}
        assert videos(collections=frozenset({"other"}), video_id="vb") == set()

    def test_a_section_is_found_under_many_stronger_moments_without_it(self, index: SceneIndex) -> None:
        moments = [a_moment(A, n, "a red car") for n in range(30)] + [a_moment(A, 30, "parking red", section=Section.TEXTS)]
        index.replace(A, 0, moments, np.stack([direction(n) for n in range(31)]))
        assert places(found(index, "red car", 1, Filters(section=Section.TEXTS), per_video=3)) == [("va", 0, 30)]
        assert found(index, "red car", 1, Filters(section=Section.VISUAL_INFO)) == []

    def test_no_collections_find_nothing(self, index: SceneIndex) -> None:
        put(index, A, ["a car"])
        assert found(index, "car", filters=Filters(collections=frozenset())) == []
        assert found(index, "car", filters=Filters(collections=frozenset({"nowhere"}))) == []

    def test_how_telling_a_word_is_does_not_depend_on_the_filters(self, index: SceneIndex) -> None:
        for n in range(8):
            put(index, VideoRef(f"v{n}", 1), ["the car drives", "the car stops", "a walrus" if n == 0 else "a car"])
        shares = index.weigh(["car", "walrus"]).shares
        assert shares["walrus"] > 2 * shares["car"]
        assert sum(shares.values()) == pytest.approx(1)

    def test_a_word_that_nothing_holds_keeps_its_share(self, index: SceneIndex) -> None:
        put(index, A, ["a car", "a tree"])
        shares = index.weigh(["car", "unheardof"]).shares
        assert shares["unheardof"] > shares["car"] > 0

    def test_every_word_of_every_phrase_must_be_there(self, index: SceneIndex) -> None:
        put(index, A, ["red car", "red house", "blue car"], seeds=[5, 6, 7])
        asked = probe(index, "red car", seed=6, phrases=(("red",), ("car",)))
        assert places(index.find(asked, Filters(), 10, 10)) == [("va", 0, 0)]

    def test_sections_that_are_asked_for_weigh_more(self, index: SceneIndex) -> None:
        moments = [a_moment(A, 0, "a car"), a_moment(A, 1, "a car", section=Section.TEXTS)]
        index.replace(A, 0, moments, np.stack([direction(1), direction(1)]))
        [first, second] = index.find(probe(index, "car", 1, sections=frozenset({Section.TEXTS})), Filters(), 10, 10)
        assert first.number == 1
        assert first.strength - second.strength == pytest.approx(0.5, abs=0.01)

    def test_one_long_video_cannot_fill_the_hits(self, index: SceneIndex) -> None:
        put(index, A, ["a red car"] * 60, seeds=[1] * 60)
        put(index, B, ["a car"], seeds=[1])
        hits = found(index, "red car", seed=1, limit=10, per_video=3)
        assert [hit.ref.video_id for hit in hits] == ["va", "va", "va", "vb"]

    def test_the_limit_keeps_the_strongest_first(self, index: SceneIndex) -> None:
        put(index, A, ["x"] * 20, seeds=list(range(20)))
        hits = found(index, "", seed=7, limit=5, per_video=20)
        assert len(hits) == 5
        assert hits[0].number == 7
        assert [hit.strength for hit in hits] == sorted((hit.strength for hit in hits), reverse=True)

    def test_reading_gives_the_moments_as_they_were_put(self, index: SceneIndex) -> None:
        video: Video = a_video(A)
        entries = [
            Entry(section=Section.TRANSCRIPTION, span=Span(0, 900), text='"quoted" \u2028 odd', speaker="Mika"),
            Entry(
                section=Section.TEXTS, span=Span(950, 5000), text="STOP / 止まれ", lines=("STOP", "止まれ"), kind=TextKind.TEXT,
                layout=Layout("bottom center", (0.1, 0.8, 0.5, 0.15), "vertical"),
            ),
            Entry(section=Section.VISUAL_INFO, span=Span(0, 3000), text="a sign", subject_scale=0.25),
            *(said(f"line {n}", 6 + n) for n in range(20)),
        ]  # fmt: skip
        moments = moments_of(video, 3, entries)
        index.replace(A, 3, moments, np.stack([direction(n) for n in range(len(moments))]))
        read = index.read([A, B], probe(index, "stop", seed=2), 100)
        assert read.get(B, []) == []
        assert sorted((c.moment for c in read[A]), key=lambda m: m.number) == moments
        assert [c.strength for c in read[A]] == sorted((c.strength for c in read[A]), reverse=True)
        by_number: dict[int, Candidate] = {c.moment.number: c for c in read[A]}
        assert by_number[2].similarity == pytest.approx(1, abs=0.01)

    def test_reading_is_limited_to_the_strongest_of_each_video(self, index: SceneIndex) -> None:
        for ref in (A, B):
            put(index, ref, ["x"] * 12, seeds=list(range(12)))
        read = index.read([A, B], probe(index, "", seed=4), 3)
        assert [len(read[ref]) for ref in (A, B)] == [3, 3]
        assert {read[ref][0].moment.number for ref in (A, B)} == {4}

    def test_another_embedder_is_refused_until_the_index_is_cleared(self, index: SceneIndex, other_index: OpenAgain) -> None:
        put(index, A, ["a car"])
        other = other_index("another embedder")
        with pytest.raises(IndexMismatch, match="reindex"):
            put(other, B, ["a car"])
        with pytest.raises(IndexMismatch, match="reindex"):
            found(other, "car")
        other.clear()
        put(other, B, ["a car"])
        assert places(found(other, "car")) == [("vb", 0, 0)]
        with pytest.raises(IndexMismatch):
            found(index, "car")

    def test_vectors_must_fit_the_moments(self, index: SceneIndex) -> None:
        moments = [a_moment(A, 0, "a car")]
        with pytest.raises(IndexMismatch):
            index.replace(A, 0, moments, np.zeros((2, DIMENSION), np.float32))
        with pytest.raises(IndexMismatch):
            index.replace(A, 0, moments, np.zeros((1, DIMENSION + 1), np.float32))

    def test_what_one_writes_the_other_finds(self, index: SceneIndex, other_index: OpenAgain) -> None:
        other = other_index(EMBEDDER)
        assert found(other, "car") == []
        put(index, A, ["a car"])
        assert places(found(other, "car")) == [("va", 0, 0)]
        put(other, A, ["a house"])
        assert index.read([A], probe(index, "house"), 5)[A][0].moment.text == "a house"
        other.remove("va")
        assert found(index, "car") == []

    def test_many_write_at_once(self, index: SceneIndex) -> None:
        together(6, lambda n: put(index, VideoRef(f"v{n}", 1), [f"a car {n}", "a tree"]))
        assert len(found(index, "car", limit=100)) == 12

    @pytest.mark.parametrize(
        "text", ["'; DROP TABLE chunks; --", '" OR 1=1', "NEAR(a b) AND NOT c*", "col:value ^2 -x", "\x00\x1f", "\ud800"]
    )
    def test_query_languages_are_only_text(self, index: SceneIndex, text: str) -> None:
        put(index, A, ["a car", f"x {text.encode('utf-8', 'replace').decode()} y"])
        assert len(found(index, text)) == 2
