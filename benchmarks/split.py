"""How splitting behaves: bytes read to plan, speed against `ffmpeg -c copy -f segment`, memory against the size of the video.

    python benchmarks/split.py [--megabytes 1000]

Prints one JSON object. Makes its videos itself (in a temporary folder); without ffmpeg on the PATH its comparison is null.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import IO

import av
import numpy as np

from scenesearch.media.cut import ChunkCutter
from scenesearch.media.plan import plan
from scenesearch.media.thumbnails import interval_ms

FPS, LOOP_SECONDS, RATE = 30, 10, 48_000
CHUNK_SECONDS, CLIP_MAX_BYTES = 300, 400_000_000
ROUNDS = 6


def main() -> None:
    """Run everything once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the large file of the memory check")
    parser.add_argument("--only", choices=["memory"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only == "memory":
        _print({"peak_mb": peak_of_splitting(options.file)})
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = looped(Path(folder) / "plain.mp4", seconds=1800, megabits=2.5)
        figures: dict[str, object] = {"plan": planning(plain), "speed": speed(plain, Path(folder))}
        plain.unlink()
        small, large = 100, options.megabytes
        peaks = {}
        for megabytes in (small, large):
            made = looped(Path(folder) / f"{megabytes}.mp4", seconds=megabytes * 8 / 5 * 1.15, megabits=5)
            peaks[f"{made.stat().st_size // 1_000_000} MB"] = memory(made)
            made.unlink()
        figures["memory_peak_mb"] = peaks
        figures["memory_growth_mb"] = max(peaks.values()) - min(peaks.values())
    _print(figures)


def planning(path: Path) -> dict[str, object]:
    """Bytes read by `plan`, counted in the reader."""
    with path.open("rb") as file:
        counted = Counted(file)
        began = time.perf_counter()
        made = plan(counted, chunk_seconds=CHUNK_SECONDS, clip_max_bytes=CLIP_MAX_BYTES)  # type: ignore[arg-type]
        took = time.perf_counter() - began
    size = path.stat().st_size
    return {
        "file_mb": round(size / 1e6, 1),
        "minutes": round(made.media.duration_ms / 60_000, 1),
        "chunks": len(made.chunks),
        "read_percent": round(100 * counted.read_bytes / size, 2),
        "reads": counted.reads,
        "seconds": round(took, 3),
    }


@dataclass(frozen=True)
class Took:
    """Seconds on the clock and of all processors."""

    wall: float
    cpu: float


def speed(path: Path, folder: Path) -> dict[str, object]:
    """Seconds for a whole split (plan, both clips of every chunk), the same with thumbnails, and ffmpeg's for its segments.

    In turn, forwards and backwards; both read and write the same disk, nobody waits for it (no fsync), and the files of both are
    there when the clock stops and are removed afterwards. On a busy machine the seconds of the processors say more than those of the clock.
    """
    ways: dict[str, Callable[[], Took]] = {
        "split": lambda: split_once(path, thumbnails=False),
        "with_thumbnails": lambda: split_once(path, thumbnails=True),
    }
    if shutil.which("ffmpeg"):
        ways["ffmpeg"] = lambda: segment_once(path, folder / "segments")
    times: dict[str, list[Took]] = {name: [] for name in ways}
    for turn in range(ROUNDS):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            times[name].append(ways[name]())
    return {
        clock: _compared({name: [getattr(took, clock) for took in taken] for name, taken in times.items()}) for clock in ("wall", "cpu")
    }


def _compared(seconds: dict[str, list[float]]) -> dict[str, object]:
    """The best and the median of each, and ffmpeg's over ours."""
    figures: dict[str, object] = {
        name: {"best_s": round(min(took), 2), "median_s": round(median(took), 2)} for name, took in seconds.items()
    }
    for name in set(seconds) - {"ffmpeg"} if "ffmpeg" in seconds else ():
        best, middle = (round(of(seconds["ffmpeg"]) / of(seconds[name]), 2) for of in (min, median))
        figures[f"ratio_{name}"] = {"best": best, "median": middle}
    return dict(sorted(figures.items()))


def split_once(path: Path, *, thumbnails: bool) -> Took:
    """What planning and cutting every chunk takes."""
    with path.open("rb") as source, ExitStack() as clips:
        began = _clocks()
        made = plan(source, chunk_seconds=CHUNK_SECONDS, clip_max_bytes=CLIP_MAX_BYTES)
        apart_ms = interval_ms(made.media.duration_ms) if thumbnails else None
        with ChunkCutter(source, made.media, clip_max_bytes=CLIP_MAX_BYTES, thumbnails_apart_ms=apart_ms) as cutter:
            for chunk in made.chunks:
                cut = clips.enter_context(cutter.cut(chunk))
                if cut.thumbnails:
                    cut.thumbnails.sheet()
        return _since(began)


def segment_once(path: Path, folder: Path) -> Took:
    """What ffmpeg takes to cut the same file into segments of the same length."""
    folder.mkdir()
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-c", "copy", "-f", "segment", "-segment_time", str(CHUNK_SECONDS)]
    began = _clocks()
    subprocess.run([*command, "-reset_timestamps", "1", str(folder / "%03d.mp4")], check=True)
    took = _since(began)
    shutil.rmtree(folder)
    return took


def _clocks() -> Took:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime)


def _since(began: Took) -> Took:
    now = _clocks()
    return Took(now.wall - began.wall, now.cpu - began.cpu)


def memory(path: Path) -> float:
    """The peak resident memory of a process that splits the file, in MB."""
    command = [sys.executable, __file__, "--only", "memory", "--file", str(path)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(run.stdout)["peak_mb"])


def peak_of_splitting(path: Path) -> float:
    """Split in this process; its peak resident memory in MB."""
    split_once(path, thumbnails=True)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


class Counted:
    """A reader that counts."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.read_bytes, self.reads = file, 0, 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.read_bytes += len(data)
        self.reads += 1
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def looped(path: Path, *, seconds: float, megabits: float) -> Path:
    """An MP4 (720p H.264, AAC) of this length and about this rate: ten seconds, over and over."""
    base = path.with_suffix(".base.mp4")
    with av.open(base, "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "b": str(round(megabits * 1e6)), "bf": "2"})
        video.width, video.height, video.pix_fmt = 1280, 720, "yuv420p"
        video.codec_context.gop_size = 2 * FPS
        audio = out.add_stream("aac", rate=RATE)
        audio.codec_context.bit_rate = 128_000
        ground = np.random.default_rng(7).integers(0, 255, (720, 2560, 3), np.uint8) // 2
        for number in range(FPS * LOOP_SECONDS):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(ground[:, number * 4 : number * 4 + 1280]), format="rgb24")
            out.mux(video.encode(picture))
            sound = av.AudioFrame.from_ndarray(ground[0, : 2 * RATE // FPS, 0].astype(np.int16)[None] * 50, format="s16", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = RATE, number * RATE // FPS, Fraction(1, RATE)
            out.mux(audio.encode(sound))
        out.mux([*video.encode(None), *audio.encode(None)])
    _repeat(base, path, round(seconds / LOOP_SECONDS))
    base.unlink()
    return path


def _repeat(base: Path, path: Path, times: int) -> None:
    with av.open(path, "w") as out, av.open(base) as source:
        tracks = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        for turn in range(times):
            source.seek(0)
            for packet in source.demux():
                if packet.dts is not None and packet.pts is not None:
                    shift = round(turn * LOOP_SECONDS / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = tracks[packet.stream_index]
                    out.mux(packet)


def _print(figures: object) -> None:
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
