"""Subtitles: timed lines that were written for a video, in a file beside it, in a stream of it, or hidden in its pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from scenesearch.metadata import Entry, Section, one_line
from scenesearch.timeline import Span

LONGEST_LINE_MS = 60_000
"""The longest line in milliseconds: one that is shown for longer than a minute has a wrong end, and is left out."""

HOUR_MS = 3_600_000
"""Milliseconds of an hour."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue as a file or stream holds it: text without markup, lines divided by line breaks. Milliseconds, not checked."""

    start_ms: int
    end_ms: int
    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtitles:
    """All lines from one source, on the video's clock.

    `language` is a tag or None when nobody says it. `forced`: only what a viewer of the dubbed film needs, so never the whole dialogue.
    `notes` say what was left out or changed, for people.
    """

    source: str
    language: str | None = None
    forced: bool = False
    entries: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = field(default=())


def subtitles_of(
    cues: Iterable[Cue], source: str, duration_ms: int, *, language: str | None, forced: bool, unreadable: int = 0
) -> Subtitles:
    """Turn cues into entries; what is no line of this video is counted in the notes.

    `unreadable`: so many cues were lost before. A file whose clock begins at some full hour (10:00:00, as tapes do) is set back by it.
    """
    ordered = sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))
    notes = []
    if hours := _hours_ahead(ordered, duration_ms):
        ordered = [replace(cue, start_ms=cue.start_ms - hours * HOUR_MS, end_ms=cue.end_ms - hours * HOUR_MS) for cue in ordered]
        notes.append(f"its clock is {hours} h ahead and was set back")
    entries, wrong, outside = list[Entry](), unreadable, 0
    shown_before = ""
    for cue in ordered:
        if cue.end_ms <= cue.start_ms or cue.end_ms - cue.start_ms > LONGEST_LINE_MS or cue.end_ms <= 0:
            wrong += 1
        elif cue.start_ms >= duration_ms:
            outside += 1
        else:
            text = _without_repetition(cue.text, shown_before)
            shown_before = cue.text
            span = Span(max(0, cue.start_ms), min(cue.end_ms, max(duration_ms, cue.start_ms + 1)))
            entries += _entries(replace(cue, text=text), span)
    notes += [f"{wrong} {'line' if wrong == 1 else 'lines'} could not be read"] if wrong else []
    notes += [f"{outside} {'line lies' if outside == 1 else 'lines lie'} after the end of the video"] if outside else []
    return Subtitles(source=source, language=language, forced=forced, entries=tuple(_distinct(entries)), notes=tuple(notes))


def _hours_ahead(cues: list[Cue], duration_ms: int) -> int:
    """How many full hours the cues lie behind the end of a video that they fit into otherwise; 0 when they do not."""
    proper = [cue for cue in cues if cue.end_ms > cue.start_ms]
    if not proper or proper[0].start_ms < duration_ms:
        return 0
    hours = proper[0].start_ms // HOUR_MS
    return hours if proper[-1].start_ms - hours * HOUR_MS < duration_ms else 0


def _without_repetition(text: str, before: str) -> str:
    """The text of a cue without the lines that the cue before has shown already: captions that roll up repeat them."""
    lines, shown = text.split("\n"), before.split("\n")
    for count in range(min(len(lines) - 1, len(shown)), 0, -1):
        if any(lines[:count]) and lines[:count] == shown[-count:]:
            return "\n".join(lines[count:])
    return text


def _distinct(entries: list[Entry]) -> Iterator[Entry]:
    """Without lines that are there twice at the same time: typesetters put one line over another for its outline."""
    last: dict[tuple[str | None, str], int] = {}
    for entry in entries:
        if last.get((entry.speaker, entry.text), -1) < entry.span.start_ms:
            yield entry
        last[entry.speaker, entry.text] = max(last.get((entry.speaker, entry.text), 0), entry.span.end_ms - 1)


# --- who speaks -------------------------------------------------------------------------------------------------------

MARKED_SPEAKER = "⁅{}⁆"
"""How a cue's text names who speaks from there on, where its format says it."""

_MARKED = re.compile("^⁅(?P<name>[^⁆]*)⁆(?P<words>.*)$")
_DASH = re.compile(r"^[-–—‐‑−]\s*(?=\S)")
_NAMED = re.compile(r"^(?P<name>[^\W\d_a-z][^a-z:：]{0,29}|[A-Z][\w.'’]*(?: [A-Z][\w.'’]*){0,2})\s*[:：]\s*(?P<words>\S.*)$")
_BRACKETED = re.compile(r"^[\[(（【](?P<name>[^\])）】]{1,20})[\])）】]\s*[:：]?\s*(?P<words>\S.*)$")


LONGEST_NAME = 8
"""Letters before a colon that may be a name in scripts without capitals: longer ones are a part of the sentence."""


def _entries(cue: Cue, span: Span) -> Iterator[Entry]:
    """One entry for each who speaks in the cue; its time is divided by how much they say."""
    said = [(speaker or cue.speaker, words) for speaker, words in _turns(cue.text)]
    total, start = sum(len(words) for _, words in said), span.start_ms
    for number, (speaker, words) in enumerate(said, 1):
        end = span.end_ms if number == len(said) else min(span.end_ms, start + round(span.duration_ms * len(words) / total))
        if start < end:
            yield Entry(section=Section.TRANSCRIPTION, span=Span(start, end), text=words, speaker=speaker)
        start = end


def _turns(text: str) -> list[tuple[str | None, str]]:
    """Who says what. A dash or a name before the words begins a turn; sounds ("[door slams]") stay part of the text."""
    turns: list[tuple[str | None, str]] = []
    lines = [one_line(line) for line in text.split("\n")]
    dashes = sum(bool(_DASH.match(line)) for line in lines)
    for line in filter(None, lines):
        plain = _DASH.sub("", line)
        speaker, words = _speaker(plain, dashed=plain != line)
        if turns and speaker is None and not (dashes > 1 and plain != line):
            before, so_far = turns[-1]
            turns[-1] = (before, f"{so_far} {plain}" if _spaced(so_far) else so_far + plain)
        else:
            turns.append((speaker, words))
    return [(speaker, words) for speaker, words in turns if any(map(str.isalnum, words)) or "♪" in words]


def _speaker(line: str, *, dashed: bool) -> tuple[str | None, str]:
    if found := _MARKED.match(line):
        return found["name"].strip() or None, found["words"].strip()
    if found := _NAMED.match(line):
        name = found["name"].strip()
        letters = [c for c in name if c.isalpha()]
        cased = [c for c in letters if c.isupper() or c.islower()]
        if letters and (dashed or (cased and all(c.isupper() for c in cased)) or (not cased and len(letters) <= LONGEST_NAME)):
            return name, found["words"]
    if found := _BRACKETED.match(line):
        name = found["name"].strip()
        # names are written in capitals; in scripts without them, a bracket directly before the words is a name
        if any(c.isalpha() for c in name) and (name.isupper() or not any(c.islower() or c.isupper() for c in name)):
            return name, found["words"]
    return None, line


def _spaced(text: str) -> bool:
    """Whether words are divided by spaces in the script that the text ends in."""
    last = next((c for c in reversed(text) if c.isalnum()), "a")
    return not ("\u0e00" <= last <= "\u0eff" or "\u2e80" <= last <= "\u9fff" or "\uf900" <= last <= "\uffdc" or ord(last) > 0x1FFFF)
