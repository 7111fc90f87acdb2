"""What the name of a subtitle file says: which video it belongs to, in which language it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from scenesearch.names import composed

SUBTITLE_TYPES = {
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".ass": "text/x-ssa",
    ".ssa": "text/x-ssa",
    ".ttml": "application/ttml+xml",
    ".dfxp": "application/ttml+xml",
    ".sub": "text/x-microdvd",
    ".smi": "application/x-sami",
    ".sami": "application/x-sami",
}
"""The MIME type of each extension of a subtitle file."""

_QUALIFIERS = frozenset({"forced", "sdh", "cc", "hi", "full", "default", "subtitles", "subtitle", "subs", "sub", "captions", "proofread"})
"""Words beside the language that say what kind of subtitles these are."""

_LANGUAGES = {
    "ar": "arabic العربية",
    "bg": "bulgarian български",
    "ca": "catalan català",
    "cs": "czech čeština",
    "da": "danish dansk",
    "de": "german deutsch",
    "el": "greek ελληνικά",
    "en": "english",
    "es": "spanish español castellano",
    "fa": "persian farsi فارسی",
    "fi": "finnish suomi",
    "fr": "french français francais",
    "he": "hebrew עברית",
    "hi": "hindi हिन्दी",
    "hr": "croatian hrvatski",
    "hu": "hungarian magyar",
    "id": "indonesian",
    "it": "italian italiano",
    "ja": "japanese 日本語",
    "ko": "korean 한국어",
    "ms": "malay",
    "nl": "dutch nederlands",
    "no": "norwegian norsk",
    "pl": "polish polski",
    "pt": "portuguese português portugues",
    "ro": "romanian română",
    "ru": "russian русский",
    "sk": "slovak slovenčina",
    "sv": "swedish svenska",
    "ta": "tamil தமிழ்",
    "th": "thai ไทย",
    "tr": "turkish türkçe",
    "uk": "ukrainian українська",
    "vi": "vietnamese tiếngviệt",
    "zh": "chinese mandarin 中文 简体 繁體 繁体 chs cht simplified traditional",
}
"""What people call languages in the names of files, in English and in the language itself."""

_LONG_TAGS = frozenset({"fil", "yue", "cmn", "haw"})
"""Languages without a code of two letters that subtitles are made in."""

_CALLED = {name: tag for tag, names in _LANGUAGES.items() for name in names.split()}


@dataclass(frozen=True, slots=True)
class SubtitleName:
    """What a name says beside the video's: the language (a tag, None when none is said), and whether only forced lines are in it."""

    language: str | None = None
    forced: bool = False


def is_subtitles(name: str) -> bool:
    """Whether a file of this name holds subtitles."""
    return PurePosixPath(name).suffix.lower() in SUBTITLE_TYPES


def stem_of(name: str) -> str:
    """Return the file's name without folder and extension, composed and in small letters: what is compared."""
    return PurePosixPath(composed(name)).stem.casefold()


def said_of(subtitles: str, video: str) -> SubtitleName | None:
    """Return what the name of a subtitle file says, if it is that of this video with or without a language; else None.

    `interview.srt`, `interview.en.srt`, `interview.zh-Hans.forced.vtt` and `interview (English).ass` belong to `interview.mp4`.
    """
    rest = stem_of(subtitles)
    if not rest.startswith(stem_of(video)):
        return None
    rest = rest[len(stem_of(video)) :]
    if rest and rest[0].isalnum():
        return None
    language, forced = None, False
    for word in _words(rest):
        if word in _QUALIFIERS and (language is not None or word != "hi"):
            forced = forced or word == "forced"
        elif (tag := language_tag(word)) is not None:
            language = language or tag
        else:
            return None
    return SubtitleName(language, forced)


def _words(rest: str) -> Iterator[str]:
    for word in filter(None, re.split(r"[\s.,()\[\]{}【】（）]+", rest.lstrip(" ._-"))):
        yield from [word] if language_tag(word) else filter(None, word.split("_"))


def language_tag(word: str) -> str | None:
    """Return the BCP 47 tag of a language as files and containers name it ("eng", "pt_BR", "日本語"); None when it is none."""
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    folded = composed(word).casefold()
    if folded in _CALLED:
        return _CALLED[folded]
    if not re.fullmatch(r"[a-z]{2,3}([-_][a-z]{4})?([-_]([a-z]{2}|[0-9]{3}))?", folded) or folded in ("und", "mul", "zxx", "mis"):
        return None
    try:
        tag = langcodes.standardize_tag(folded.replace("_", "-"))
        known = langcodes.tag_is_valid(tag) and (len(tag.partition("-")[0]) == 2 or tag in _LONG_TAGS)  # "old" and "new" are languages, too
        return tag if known else None
    except LanguageTagError:
        return None


def possible_stems(name: str) -> list[str]:
    """Return the stems of the videos that a subtitle file of this name may belong to, the longest first."""
    stem = PurePosixPath(composed(name)).stem
    ends = [match.start() for match in re.finditer(r"[\s.,_(\[（【-]+", stem) if match.start()]
    return [stem[:end] for end in [len(stem), *reversed(ends)] if said_of(name, stem[:end] + ".x") is not None]
