"""Subtitle files, read with pysubs2 whatever their format and encoding are."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scenesearch.media.subtitle_names import SubtitleName
from scenesearch.media.subtitles import MARKED_SPEAKER, Cue, Subtitles, subtitles_of

if TYPE_CHECKING:
    import pysubs2

LARGEST_BYTES = 20_000_000
"""The longest films have some 200 kB of subtitles; more than 20 MB is no subtitle file."""

MOST_CUES = 100_000
"""A cue a second for a day: what comes after so many is counted, not read."""

GUESSED_FROM = 100_000
"""Bytes that the encoding is guessed from."""

LANGUAGE_LETTERS = 40
"""A text of fewer letters does not show its language."""

_CODE_PAGES = (
    dict.fromkeys(("cs", "sk", "pl", "hu", "hr", "sl", "bs", "ro"), "cp1250")
    | {"tr": "cp1254"}
    | dict.fromkeys(("et", "lv", "lt"), "cp1257")
)
"""What languages with Latin letters were written in on Windows, where it was not cp1252."""

_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[A-Za-z][^>\n]*>|<\d[\d:.]*>|\{\\[^}]*\}")
_ENTITY = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&nbsp;": " ", "&lrm;": "", "&rlm;": "", "&quot;": '"', "&#39;": "'"}


def read_subtitles(data: bytes, name: str, said: SubtitleName, duration_ms: int) -> Subtitles:
    """Return the lines of a subtitle file of this name. Whatever is wrong with it becomes a note; it never raises."""
    source = PurePosixPath(name).name
    if len(data) > LARGEST_BYTES:
        return _nothing(source, said, f"a file of {len(data) / 1e6:.0f} MB is no subtitle file")
    if not data.strip(b"\x00\r\n\t \xef\xbb\xbf\xff\xfe"):
        return _nothing(source, said, "the file is empty")
    text = _decoded(data)
    try:
        cues, unreadable = _cues(text, PurePosixPath(name).suffix.lower())
    except Exception as error:  # noqa: BLE001 - pysubs2 raises whatever its parsers of a dozen formats raise
        return _nothing(source, said, f"the file cannot be read as subtitles ({type(error).__name__}: {str(error)[:200]})")
    language = said.language or language_of(" ".join(cue.text for cue in cues[:300]))
    found = subtitles_of(cues, source, duration_ms, language=language, forced=said.forced, unreadable=unreadable)
    return found if found.entries or found.notes else _nothing(source, said, "there is no line in the file")


def language_of(text: str) -> str | None:
    """Return the language that a text is written in, or None when it is too short to show it."""
    if sum(3 if c > "\u2e80" else 1 for c in text if c.isalpha()) < LANGUAGE_LETTERS:  # a Chinese letter is a word
        return None
    import py3langid

    tag = str(py3langid.classify(text)[0])
    return "zh" if tag in ("wuu", "yue", "cmn") else tag


def _nothing(source: str, said: SubtitleName, why: str) -> Subtitles:
    return Subtitles(source=source, language=said.language, forced=said.forced, notes=(why,))


def _decoded(data: bytes) -> str:
    """The text in whichever encoding it is: by its mark, as UTF-8, else as it looks most likely."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode(_encoding(data[:GUESSED_FROM]), errors="replace")


def _encoding(data: bytes) -> str:
    """The likeliest encoding of a text that is not UTF-8. Latin letters look alike in many: there the language decides."""
    import py3langid
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    guess = best.encoding if best else "cp1252"
    if any(ord(c) > 0x24F and c.isalpha() for c in data.decode(guess, errors="replace")):
        return guess
    language = str(py3langid.classify(data.decode("cp1252", errors="replace"))[0])
    return _CODE_PAGES.get(language, "cp1252")


def _cues(text: str, suffix: str) -> tuple[list[Cue], int]:
    """The cues, and how many more there seem to be. Raises what pysubs2 raises."""
    import pysubs2

    if "<!ENTITY" in text[:10_000]:
        raise ValueError("it defines entities")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kind = {".dfxp": "ttml", ".sub": "microdvd", ".smi": "sami"}.get(suffix, suffix[1:])
    if kind in ("vtt", "srt"):
        text = _VOICE.sub(
            lambda match: "\n" * bool(match.start() and text[match.start() - 1] != "\n") + MARKED_SPEAKER.format(match[1]), text
        )
    options = {"fps": 25.0} if kind == "microdvd" and not re.match(r"\s*\{1\}\{1\}", text) else {}
    parsed = pysubs2.SSAFile()
    with suppress(pysubs2.exceptions.Pysubs2Error):
        parsed = pysubs2.SSAFile.from_string(text, format_=kind, **options)
    if not parsed.events:
        with suppress(pysubs2.exceptions.FormatAutodetectionError):
            parsed = pysubs2.SSAFile.from_string(text)  # it may be another format than its name says
    announced = text.count("-->") if kind in ("vtt", "srt") else 0
    events = [event for event in parsed.events if not event.is_comment]
    cues = [_cue(event) for event in events[:MOST_CUES] if not event.is_drawing]
    return [cue for cue in cues if cue.text.strip()], max(0, announced - len(events)) + max(0, len(events) - MOST_CUES)


def _cue(event: pysubs2.SSAEvent) -> Cue:
    text = _TAG.sub("", event.plaintext)
    for entity, character in _ENTITY.items():
        text = text.replace(entity, character)
    return Cue(event.start, event.end, text.replace("\\h", " "), event.name.strip() or None)
