"""A film of hours, made in seconds: a short one (the sample video), copied packet by packet as often as it takes."""

from __future__ import annotations

from pathlib import Path

import av

SAMPLE = Path(__file__).parents[1] / "samples" / "harbour_day.mp4"


def long_film(to: Path, seconds: float, *, of: Path = SAMPLE, index_first: bool = True) -> Path:
    """An MP4 at least this long, with the pictures and the sound of `of`. `index_first`: its index (`moov`) stands before the media."""
    flags = {"movflags": "+faststart"} if index_first else {}
    with av.open(of) as source, av.open(to, "w", format="mp4", options=flags) as out:
        targets = {stream.index: out.add_stream_from_template(stream) for stream in (*source.streams.video[:1], *source.streams.audio[:1])}
        last = dict.fromkeys(targets, -(1 << 60))
        shift_s = 0.0
        while shift_s < seconds:
            source.seek(0)
            for packet in source.demux(*(source.streams[index] for index in targets)):
                if packet.dts is None or packet.pts is None or packet.time_base is None:
                    continue
                index, shift = packet.stream.index, round(shift_s / packet.time_base)
                if packet.dts + shift <= last[index]:
                    continue  # the sound's lead-in, which overlaps the turn before
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                last[index] = packet.dts
                packet.stream = targets[index]
                out.mux(packet)
            shift_s += float((source.duration or 0) / av.time_base)
    return to
