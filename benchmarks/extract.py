"""How good and how fast the local extractors are.

    python benchmarks/extract.py [--minutes 10] [--only accuracy|speed]

Prints one JSON object. Accuracy: against the truth of the sample video. Speed: a 720p film, made by looping the sample and, where they
are, the real videos of `../shared/videos`, as chunks of five minutes through all three extractors in two worker processes at once.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import statistics
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from difflib import SequenceMatcher
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import av
import numpy as np

from scenesearch.config import Settings
from scenesearch.metadata import Entry, Section, TextKind
from scenesearch.models.local.texts import LocalTexts
from scenesearch.models.local.transcription import LocalTranscription
from scenesearch.models.local.visual_info import LocalVisualInfo
from scenesearch.ports import ClipInput, Extraction, SectionExtractor
from scenesearch.video import Clip, Profile, now

REPOSITORY = Path(__file__).resolve().parents[1]
SAMPLE = REPOSITORY / "samples" / "harbour_day.mp4"
VIDEOS = REPOSITORY.parent / "shared" / "videos"
REAL = (
    "sintel_trailer-720p.mp4",
    "moviepy_trailer_bbb.mp4",
    "autoeditor_example.mp4",
    "ve2rbx_demo_en.mp4",
    "openshot_test_video_traffic.mp4",
)
MAKERS: dict[Section, Callable[[Settings], SectionExtractor]] = {
    Section.TEXTS: LocalTexts,
    Section.VISUAL_INFO: LocalVisualInfo,
    Section.TRANSCRIPTION: LocalTranscription,
}
CHUNK_SECONDS, FPS, RATE, WORKERS = 300, 24, 48_000, 2
ALIKE = 0.8
NUMBERS = {"eight hundred": "800"}


class Files:
    """Objects that are files already."""

    @contextmanager
    def as_file(self, name: str, generation: int | None = None) -> Iterator[Path]:
        yield Path(name)


def main() -> None:
    """Run everything once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", choices=["accuracy", "speed"])
    options = parser.parse_args()
    figures: dict[str, object] = {}
    if options.only != "speed":
        figures["accuracy"] = accuracy()
    if options.only != "accuracy":
        figures["speed"] = speed(options.minutes)
    sys.stdout.write(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def extract(extractor: SectionExtractor, path: Path) -> Extraction:
    """The whole file as one clip."""
    with av.open(str(path)) as container:
        duration_ms = (container.duration or 0) // 1000
    whole = Clip(str(path), "video/mp4", 0, duration_ms, path.stat().st_size)
    given = ClipInput(clip=whole, store=Files(), profile=Profile())  # type: ignore[arg-type]
    return extractor.extract(given, deadline=now() + timedelta(hours=1))


# --- accuracy --------------------------------------------------------------------------------------------------------


def accuracy() -> dict[str, object]:
    """Word error rate, on-screen lines found and their spans, cuts found, on the sample video."""
    truth = json.loads((SAMPLE.parent / "truth.json").read_text(encoding="utf-8"))
    found = {section: extract(make(Settings(offline=True)), SAMPLE) for section, make in MAKERS.items()}
    spoken = found[Section.TRANSCRIPTION]
    return {
        "speech": {"model": spoken.model, "word_error_rate": word_error_rate(truth["sentences"], spoken.entries)},
        "texts": texts(truth["texts"], found[Section.TEXTS].entries),
        "cuts": cuts(truth, found[Section.VISUAL_INFO].entries),
    }


def word_error_rate(sentences: Sequence[dict[str, str]], heard: Sequence[Entry]) -> float:
    """Edits between the words that were said and those that were heard, over those said."""
    said, got = _words(" ".join(s["text"] for s in sentences)), _words(" ".join(e.text for e in heard))
    row = list(range(len(got) + 1))
    for i, word in enumerate(said, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return round(row[-1] / len(said), 3)


def texts(truth: Sequence[dict[str, object]], found: Sequence[Entry]) -> dict[str, float]:
    """Share of the true lines that were found while they stood, of the found lines that are true, and how far borders are off."""
    lines = [(str(line), t["start"], t["end"]) for t in truth if t["kind"] != "timecode" for line in t["lines"]]  # type: ignore[attr-defined]
    read = [(line, e.span.start_s, e.span.end_s) for e in found if e.kind is not TextKind.TIMECODE for line in e.lines]
    pairs = [(t, r) for t in lines for r in read if _alike(t[0], r[0]) and t[1] < r[2] and r[1] < t[2]]  # type: ignore[operator]
    errors = [abs(t[k] - r[k]) for t, r in pairs for k in (1, 2)]  # type: ignore[operator]
    return {
        "lines": len(lines),
        "recall": round(len({t for t, _ in pairs}) / len(lines), 3),
        "precision": round(len({r for _, r in pairs}) / max(1, len(read)), 3),
        "border_error_s_median": round(statistics.median(errors), 3),
        "border_error_s_p95": round(float(np.percentile(errors, 95)), 3),
        "timecode_seconds": sum(e.kind is TextKind.TIMECODE for e in found),
    }


def cuts(truth: dict[str, list[float]], found: Sequence[Entry]) -> dict[str, float]:
    """Share of the true cuts and fades that begin a shot within 0.25 s (a fade: inside it), and the number of shots."""
    starts = [e.span.start_s for e in found]
    borders = [(c - 0.25, c + 0.25) for c in truth["cuts"]] + [(f["start"], f["end"]) for f in truth["fades"]]  # type: ignore[index]
    met = sum(any(low <= s <= high for s in starts) for low, high in borders)
    return {"recall": round(met / len(borders), 3), "true_shots": len(borders) + 1, "found_shots": len(found)}


def _words(text: str) -> list[str]:
    folded = text.casefold()
    for spoken, written in NUMBERS.items():
        folded = folded.replace(spoken, written)
    return re.findall(r"\w+", folded)


def _alike(a: str, b: str) -> bool:
    x, y = (re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", t).casefold()) for t in (a, b))
    return x in y or SequenceMatcher(None, x, y, autojunk=False).ratio() >= ALIKE


# --- speed -----------------------------------------------------------------------------------------------------------


def speed(minutes: float) -> dict[str, object]:
    """Wall time, processor seconds a minute of video, and memory, with two workers that take the next chunk's section in turn."""
    with tempfile.TemporaryDirectory() as folder:
        chunks = [
            film(Path(folder) / f"{n}.mp4", min(CHUNK_SECONDS, minutes * 60 - n * CHUNK_SECONDS), skip=n)
            for n in range(round(minutes * 60 / CHUNK_SECONDS + 0.499))
        ]
        jobs = [(section, str(chunk)) for chunk in chunks for section in MAKERS]
        began = time.monotonic()
        with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
            done = pool.map(work, jobs, chunksize=1)
            wall = time.monotonic() - began
    peaks: dict[int, float] = {}
    for one in done:
        peaks[int(one["pid"])] = max(peaks.get(int(one["pid"]), 0.0), one["peak_mb"])
    processor = {s.value: round(sum(d["compute_s"] for d, (t, _) in zip(done, jobs, strict=True) if t is s) / minutes, 2) for s in MAKERS}
    return {"minutes": minutes, "wall_s": round(wall, 1), "processor_s_a_minute": processor, "peak_mb_of_workers": sorted(peaks.values())}


def work(job: tuple[Section, str]) -> dict[str, float]:
    """One section of one chunk, in a worker; its extractors stay loaded from job to job."""
    section, path = job
    if section not in _LOADED:
        _LOADED[section] = MAKERS[section](Settings(offline=True, workers=WORKERS))
    result = extract(_LOADED[section], Path(path))
    pid = multiprocessing.current_process().pid or 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return {"pid": pid, "compute_s": result.usage.compute_s, "peak_mb": round(peak)}


_LOADED: dict[Section, SectionExtractor] = {}


def film(path: Path, seconds: float, skip: int = 0) -> Path:
    """A 1280 x 720 film of that length: the sources one after the other, with their sound, again and again."""
    sources = [SAMPLE, *(VIDEOS / name for name in REAL if (VIDEOS / name).exists())]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "23", "g": str(2 * FPS)})
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        audio = out.add_stream("aac", rate=RATE, layout="mono")
        shown = heard = 0
        for source in cycle(sources[skip % len(sources) :] + sources[: skip % len(sources)]):
            for picture in _pictures(source):
                if shown >= seconds * FPS:
                    break
                picture.pts, picture.time_base = shown, Fraction(1, FPS)
                out.mux(video.encode(picture))
                shown += 1
            wanted = round(shown / FPS * RATE)
            for samples in _sounds(source, wanted - heard):
                frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, heard, Fraction(1, RATE)
                out.mux(audio.encode(frame))
                heard += samples.shape[0]
            if shown >= seconds * FPS:
                break
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return path


def _pictures(source: Path) -> Iterator[av.VideoFrame]:
    """The frames at 24 a second, as 720p."""
    with av.open(str(source)) as container:
        due = 0.0
        for frame in container.decode(video=0):
            while frame.time is not None and frame.time >= due:
                yield frame.reformat(1280, 720, "yuv420p")
                due += 1 / FPS


def _sounds(source: Path, wanted: int) -> Iterator[np.ndarray]:
    """Exactly that many samples: the source's, then silence."""
    given = 0
    with av.open(str(source)) as container:
        if container.streams.audio:
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
            for decoded in container.decode(audio=0):
                decoded.pts = None
                for piece in resampler.resample(decoded):
                    samples = piece.to_ndarray().reshape(-1)[: wanted - given]
                    if samples.size:
                        given += samples.size
                        yield np.ascontiguousarray(samples)
    while given < wanted:
        silence = np.zeros(min(1024, wanted - given), np.float32)
        given += silence.size
        yield silence


if __name__ == "__main__":
    main()
