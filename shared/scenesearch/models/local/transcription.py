"""The local transcription: Whisper on the stretches that a voice detector finds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Skipped, Unavailable
from scenesearch.metadata import Entry, Section
from scenesearch.models.local.audio import SAMPLE_RATE, Samples, decode_audio
from scenesearch.models.local.digest import telling_lines
from scenesearch.models.local.phrases import Phrase, TimedWord, phrases
from scenesearch.models.local.speech_model import SpeechModel, speech_model
from scenesearch.models.local.threads import threads
from scenesearch.models.local.voice import Window, speech_windows
from scenesearch.ports import ClipInput, Extraction
from scenesearch.timeline import Span
from scenesearch.video import Usage, now

if TYPE_CHECKING:
    from faster_whisper import WhisperModel
    from faster_whisper.transcribe import Segment

_NO_SPEECH = 0.6
"""The probability of no speech above which a segment is dropped, unless its text is likely: the default of Whisper's decoder."""

_NO_SPEECH_UNDER_MUSIC = 0.4
"""The same limit under music, where it drops a segment whatever its text."""

_UNLIKELY = -1.0
"""The mean log-probability of tokens below which a segment is dropped: the default of Whisper's decoder."""

_DOUBTFUL = -0.7
"""The stricter limit of the same, under music, for stock phrases and where there may be no speech."""

_REPETITIVE = 2.4
"""The ratio of compression above which a segment repeats itself and is dropped: the default of Whisper's decoder."""

_MUMBLED = 0.35
"""The mean probability of words (0 to 1) below which a phrase is dropped; doubtful ones need twice as much."""

_SAME_IN_A_ROW = 3
"""The occurrence in a row from which a phrase that is not surely heard is dropped as a loop of the decoder."""

_FEW_WORDS = 4
"""The fewest words of a phrase under music: fewer are more likely guessed."""

_TOKENS_A_SECOND = 12
"""The most tokens a second of sound that are decoded, beside 32 more a window: a decoder that loops would fill all 448."""

_STOCK = re.compile(
    r"(thank(s| you)( so much| very much)? for watching|(please )?(like and )?subscribe( to my channel)?|"
    r"subtitles? by .*|ご視聴ありがとうございました|字幕.*|請不吝點贊.*)[\s.!。！]*",
    re.IGNORECASE,
)
"""Stock phrases that Whisper writes over music and noise, learnt from subtitle files."""


class LocalTranscription:
    """A `SectionExtractor`: sentences and phrases with their times. Speakers are not recognised: `speaker` is None."""

    section = Section.TRANSCRIPTION
    wants_audio = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = threads(settings)
        self._loaded: tuple[SpeechModel, WhisperModel] | None = None

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """Transcribe the speech in the clip.

        Raises:
            Skipped: there is no audio, or only a language that the model here does not know.
            Unavailable, ConfigurationError: the speech model that is set is not here.
            ModelError: the deadline passed.
        """
        began = time.process_time()
        with given.store.as_file(given.clip.object_name) as path:
            audio = decode_audio(path)
        end_ms = min(given.clip.duration_ms or 10**9, round(len(audio) * 1000 / SAMPLE_RATE))
        clear, doubtful = speech_windows(audio)
        name, language = "voice detector", ""
        said: list[Phrase] = []
        if clear or doubtful:
            model, whisper = self._model()
            name = model.name
            language = self._language(whisper, audio, clear or doubtful, given)
            for start, end in [*clear, *doubtful]:
                if now() > deadline:
                    raise ModelError(
                        f"the transcription of {given.clip.object_name} was not done in time: "
                        "set a smaller SCENESEARCH_WHISPER_MODEL, or a longer SCENESEARCH_WORK_SECONDS"
                    )
                strict = (start, end) in doubtful
                found = phrases(_words(whisper, audio, (start, end), language, strict=strict))
                said += [p for p in found if not strict or _certain(p)]
        said.sort(key=lambda phrase: phrase.start)
        entries = tuple(_entries(_without_loops(said), end_ms))
        return Extraction(
            entries=entries,
            digest=telling_lines(entries),
            language=language if entries else None,
            model=name,
            usage=Usage(compute_s=round(time.process_time() - began, 3)),
        )

    def _model(self) -> tuple[SpeechModel, WhisperModel]:
        if self._loaded is None:
            from faster_whisper import WhisperModel

            model = speech_model(self._settings)
            try:
                whisper = WhisperModel(str(model.path), device="cpu", compute_type="int8", cpu_threads=self._threads, local_files_only=True)
            except (RuntimeError, ValueError, OSError) as error:
                raise Unavailable(f"the speech model in {model.path} cannot be loaded: {error}") from error
            self._loaded = model, whisper
        return self._loaded

    def _language(self, whisper: WhisperModel, audio: Samples, windows: list[Window], given: ClipInput) -> str:
        """Return the language of the transcript: the video's, the profile's only one, or the likeliest of those possible."""
        expected = [given.language] if given.language else list(given.profile.languages)
        known = [tag.split("-")[0].lower() for tag in expected]
        if not whisper.model.is_multilingual:
            if known and "en" not in known:
                raise Skipped(
                    f"the packaged speech model knows English only, and this is {', '.join(expected)}: "
                    "connect to the network once, or set SCENESEARCH_WHISPER_MODEL to a multilingual model"
                )
            return "en"
        known = [tag for tag in known if tag in whisper.supported_languages]
        if len(known) == 1:
            return known[0]
        start, end = max(windows, key=lambda w: w[1] - w[0])
        likeliest, _, ranked = whisper.detect_language(audio[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)])
        return str(next((tag for tag, _ in ranked if tag in known), likeliest) if known else likeliest)


def _words(whisper: WhisperModel, audio: Samples, window: Window, language: str, *, strict: bool) -> Iterator[TimedWord]:
    start, end = window
    segments, _ = whisper.transcribe(
        audio[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)],
        language=language,
        beam_size=5,
        max_new_tokens=round(_TOKENS_A_SECOND * (end - start)) + 32,  # a decoder that loops would fill all 448
        temperature=0.0,  # sampling would give another text on every run
        condition_on_previous_text=False,
        word_timestamps=True,
        no_speech_threshold=_NO_SPEECH,
        compression_ratio_threshold=_REPETITIVE,
        log_prob_threshold=_UNLIKELY,
    )
    for segment in segments:
        if _believable(segment, strict=strict):
            for word in segment.words or ():
                yield TimedWord(word.word, start + word.start, start + min(word.end, end - start), word.probability)


def _believable(segment: Segment, *, strict: bool) -> bool:
    stock = _STOCK.fullmatch(segment.text.strip()) is not None
    if segment.compression_ratio > _REPETITIVE or segment.avg_logprob < (_DOUBTFUL if strict else _UNLIKELY):
        return False
    if strict and (stock or segment.no_speech_prob > _NO_SPEECH_UNDER_MUSIC):
        return False
    if segment.no_speech_prob > _NO_SPEECH and segment.avg_logprob < _DOUBTFUL:
        return False
    # a stock phrase passes only with a probability of no speech of at most 0.2 and a likely text
    return not (stock and (segment.no_speech_prob > 0.2 or segment.avg_logprob < _DOUBTFUL))


def _certain(phrase: Phrase) -> bool:
    """Return whether words under music are more than a guess: several, surely heard, at 0.8 to 7 words a second, as people speak."""
    words = len(phrase.words)
    return words >= _FEW_WORDS and phrase.probability >= 2 * _MUMBLED and 0.8 <= words / max(0.1, phrase.end - phrase.start) <= 7


def _without_loops(said: list[Phrase]) -> Iterator[Phrase]:
    """Drop mumbled phrases, and the third and further repeats in a row of a phrase that is not surely heard: a loop of the decoder."""
    row = 0
    before = ""
    for phrase in said:
        folded = re.sub(r"\W+", " ", phrase.text.casefold()).strip()
        row = row + 1 if folded == before else 1
        before = folded
        if not folded or phrase.probability < _MUMBLED or (row >= _SAME_IN_A_ROW and phrase.probability < 2 * _MUMBLED):
            continue
        yield phrase


def _entries(said: Iterator[Phrase], end_ms: int) -> Iterator[Entry]:
    for phrase in said:
        start, end = round(phrase.start * 1000), round(phrase.end * 1000)
        end = min(max(end, start + 1), end_ms)
        if start < end:
            yield Entry(section=Section.TRANSCRIPTION, span=Span(start, end), text=phrase.text)
