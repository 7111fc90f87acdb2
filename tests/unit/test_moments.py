"""From entries to rows to moments: bounded, deterministic, and every entry can be found."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scenesearch.metadata import TextKind
from scenesearch.moments import LONGEST_ROW, LONGEST_TEXT, lines_of, moments_of, packed, rows_of, unpacked, with_line_vectors
from scenesearch.ranking.lines import cosines, quantised
from scenesearch.timeline import Span
from scenesearch.video import Video, VideoRef, now
from unit.search.films import clock, measured, said, shown, written

AT = now()
VIDEO = Video(ref=VideoRef("v", 1), bucket="b", name="n", collection="default", title="t", created_at=AT, updated_at=AT)


def test_entries_of_the_same_span_are_one_row() -> None:
    rows = rows_of([said(1, 2, "save it"), written(1.02, 2.01, "File > Save"), said(2, 3, "done")])
    assert [[entry.text for entry in row.entries] for row in rows] == [["save it", "File > Save"], ["done"]]


def test_a_running_clock_makes_no_rows_and_widens_none() -> None:
    entries = [shown(0, 10, "a road"), shown(10, 20, "a house"), *(clock(n, f"01:00:{n:02}") for n in range(20))]
    rows = rows_of(entries)
    assert [row.span for row in rows] == [Span(0, 10_000), Span(10_000, 20_000)]
    assert sum(len(row.entries) for row in rows) == 22
    assert all("01:00" not in moment.text for moment in moments_of(VIDEO, 0, entries))


def test_a_clock_alone_is_grouped() -> None:
    rows = rows_of([clock(n, f"01:00:{n:02}") for n in range(30)])
    assert len(rows) == 3
    assert [m.text for m in moments_of(VIDEO, 0, [clock(3, "01:00:03")])] == ["01:00:03"]


def test_windows_overlap_and_the_last_is_flush_with_the_end() -> None:
    moments = moments_of(VIDEO, 2, [said(n, n + 0.9, f"line {n}") for n in range(10)])
    assert [(m.first_row, len(m.rows)) for m in moments] == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert [m.number for m in moments] == [0, 1, 2, 3]
    assert {m.chunk for m in moments} == {2}


def test_few_rows_are_one_moment_and_none_are_none() -> None:
    assert [len(m.rows) for m in moments_of(VIDEO, 0, [said(0, 1, "one"), said(2, 3, "two")])] == [2]
    assert moments_of(VIDEO, 0, []) == []
    assert moments_of(VIDEO, 0, [said(0, 1, "  ")]) == []


def test_what_is_written_under_speech_is_a_moment_of_its_own() -> None:
    told, menu = moments_of(VIDEO, 0, [said(0, 2, "now we save"), written(1, 3, "File Edit View")])
    assert (told.text, told.written) == ("now we save", False)
    assert (menu.text, menu.written) == ("File Edit View", True)
    assert {entry.text for entry in told.entries} == {"now we save", "File Edit View"}
    assert {entry.text for entry in menu.entries} == {"File Edit View"}


def test_captions_are_told_and_measurements_are_not() -> None:
    [moment] = moments_of(VIDEO, 0, [measured(0, 3), written(0, 2, "An unlucky bird", kind=TextKind.CAPTION)])
    assert moment.text == "An unlucky bird"
    [bare] = moments_of(VIDEO, 0, [measured(0, 3)])
    assert "colours" in bare.text
    [sign] = moments_of(VIDEO, 0, [measured(0, 3), written(0, 2, "EXIT 2")])
    assert sign.text == "EXIT 2"


def test_huge_entries_are_bounded() -> None:
    huge = [said(n, n + 1, f"{n} " + "word " * 100_000) for n in range(5)]
    crowd = [written(10, 11, f"label {n} " + "x" * 200) for n in range(200)]
    for moment in moments_of(VIDEO, 0, [*huge, *crowd]):
        assert len(moment.text) <= LONGEST_TEXT
        assert all(sum(len(e.text) for e in row.entries) <= LONGEST_ROW for row in moment.rows)


ENTRIES = st.lists(
    st.builds(
        lambda start, length, text, kind: (
            clock(start // 1000, text or "x")
            if kind == 0
            else (said, shown, written)[kind - 1](start / 1000, (start + length) / 1000, text)
        ),
        st.integers(0, 300_000),
        st.integers(1, 60_000),
        st.text(max_size=20),
        st.integers(0, 3),
    ),
    max_size=30,
)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_nothing_is_lost(entries: list, shuffler: random.Random) -> None:  # type: ignore[type-arg]
    shuffled = list(entries)
    shuffler.shuffle(shuffled)
    moments = moments_of(VIDEO, 0, entries)
    assert moments_of(VIDEO, 0, shuffled) == moments
    covered = {entry for moment in moments for entry in moment.entries}
    assert covered == {entry for entry in entries if entry.text.strip()}
    assert all(moment.text for moment in moments)


def test_vectors_of_lines_come_back_from_the_packed_form_and_older_ones_have_none() -> None:
    moments = moments_of(VIDEO, 0, [*(said(n, n + 0.9, f"line {n} \0 é") for n in range(12)), clock(3, "00:00:03")])
    assert unpacked(packed(moments), VIDEO.ref, 0, moments[0].collection, moments[0].language) == moments
    vectors = np.random.default_rng(1).normal(size=(12, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known = dict(zip(lines_of(moments), quantised(vectors), strict=True))
    made = with_line_vectors(moments, known)
    assert unpacked(packed(made), VIDEO.ref, 0, moments[0].collection, moments[0].language) == made
    rows = {row.span: row for moment in made for row in moment.rows}
    own = [vector for row in rows.values() for entry, vector in zip(row.entries, row.vectors, strict=True) if entry.text in known]
    assert np.abs(cosines(vectors[0], own) - vectors @ vectors[0]).max() < 0.005
    assert {len(v) for row in rows.values() for e, v in zip(row.entries, row.vectors, strict=True) if e.text not in known} == {0}
