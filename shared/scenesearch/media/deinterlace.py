"""Deinterlace pictures: the two fields of each become one progressive picture, at its own time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.filter.graph import Graph
    from av.video.frame import VideoFrame

FILTER = "mode=send_frame:parity=auto:deint=interlaced"
"""One picture out for each in; field order as each picture states it; pictures that are progressive pass untouched."""


class Deinterlacer:
    """Passes pictures through FFmpeg's `bwdif` from the first interlaced one on. It needs the next picture, so it is one late."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._like: object = None
        self._time_base = Fraction(1)

    def take(self, picture: VideoFrame) -> list[VideoFrame]:
        """Return the pictures that are complete now, in order of time. The picture needs a `pts` and a `time_base`."""
        if self._graph is None and not picture.interlaced_frame:
            return [picture]
        done: list[VideoFrame] = []
        like = source_arguments(picture)
        if self._graph is not None and like != self._like:
            done = self.rest()
        if self._graph is None:
            self._graph, self._like = chain(picture, [("bwdif", FILTER)]), like
            self._time_base = picture.time_base or Fraction(1)
        self._graph.push(picture)
        return done + self._pulled()

    def rest(self) -> list[VideoFrame]:
        """Return what is still held back, once no more pictures come."""
        if self._graph is None:
            return []
        self._graph.push(None)
        done = self._pulled()
        self._graph = None
        return done

    def _pulled(self) -> list[VideoFrame]:
        done = []
        for picture in pulled(self._graph):
            picture.pts = round((picture.pts or 0) * (picture.time_base or 1) / self._time_base)  # the filter counts in half ticks
            picture.time_base = self._time_base
            done.append(picture)
        return done


def source_arguments(picture: VideoFrame) -> dict[str, str]:
    """The arguments of the `buffer` filter for pictures like this one."""
    return {
        "video_size": f"{picture.width}x{picture.height}",
        "pix_fmt": picture.format.name,
        "time_base": str(picture.time_base or Fraction(1, 1000)),
        "pixel_aspect": "1/1",
        "colorspace": str(int(picture.colorspace)),
        "range": str(int(picture.color_range)),
    }


def chain(picture: VideoFrame, filters: list[tuple[str, str]]) -> Graph:
    """Return a filter graph that takes pictures like this one through these filters (name, arguments), in this order."""
    from av.filter.graph import Graph

    graph = Graph()
    graph.threads = 1  # starting threads for each picture costs more than they save
    last = graph.add("buffer", **source_arguments(picture))
    for name, arguments in [*filters, ("buffersink", "")]:
        following = graph.add(name, arguments or None)
        last.link_to(following)
        last = following
    graph.configure()
    return graph


def pulled(graph: Any) -> list[VideoFrame]:
    """Return all pictures that the graph can give now."""
    import av

    done: list[VideoFrame] = []
    while True:
        try:
            done.append(graph.pull())
        except (BlockingIOError, EOFError, av.EOFError):
            return done
