"""How far videos are, on a terminal: a bar for each, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from scenesearch.bootstrap import Application
from scenesearch.cli.output import errors
from scenesearch.library.views import VideoView, view
from scenesearch.metadata import one_line
from scenesearch.timeline import format_timestamp
from scenesearch.video import VideoState

LOOK_S = 1.0
"""How often the bars are drawn from the catalog."""

ENDED = frozenset({VideoState.READY, VideoState.FAILED, VideoState.WAITING})
"""Where a video stands when nobody works on it any more (of today's)."""


@contextmanager
def share_bar(what: str, *, shown: bool) -> Iterator[Callable[[float], object]]:
    """A bar on a terminal for one thing that is being made. Yields what to tell its share to, from 0 to 1."""
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f}%")
    with Progress(*columns, console=errors, transient=True, disable=not shown or not errors.is_terminal) as bar:
        task = bar.add_task(one_line(what), total=1)
        yield lambda share: bar.update(task, completed=share)


class ProgressBars:
    """A progress bar a video: stage, share done, time left."""

    def __init__(self, ids: Sequence[str], app_: Application, *, quiet: bool) -> None:
        self._app, self._tasks = app_, dict[str, TaskID]()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[left]}", markup=False),
            console=errors,
            disable=quiet or not errors.is_terminal,
        )
        self._ids = list(dict.fromkeys(ids))
        self._looked = float("-inf")
        self._left = TimeLeft()

    def __enter__(self) -> ProgressBars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self) -> None:
        """Show where every video stands now."""
        if self._bars.disable or time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        catalog = self._app.catalog
        live = catalog.live(self._ids)
        seen = {one: view(live[one], catalog) for one in self._ids if one in live}
        left = self._left.seen(seen, self._looked)
        for one, shown in seen.items():
            stage = f"{shown.state}, waits for {shown.waits_for}" if shown.waits_for else shown.state
            words, until = one_line(f"{shown.title}: {stage}"), left.get(one, "")
            if one not in self._tasks:
                self._tasks[one] = self._bars.add_task(words, total=1.0, left="")
            self._bars.update(self._tasks[one], description=words, completed=shown.progress, left=until)


class TimeLeft:
    """How long videos will take, judged by what was done of all of them since they were first seen until something was done last.

    From then on it counts down, and falls silent when it was too hopeful. Each video is taken to come after those named before it: most
    of the time it waits for its turn, which says nothing of its pace.
    """

    def __init__(self) -> None:
        self._first = dict[str, float]()
        self._began = self._worked_at = float("nan")
        self._done = 0.0

    def seen(self, videos: Mapping[str, VideoView], at: float) -> dict[str, str]:
        """Of each video that has not ended, in words; of none before something was done. `at`: seconds on any clock."""
        if not self._first:
            self._began = at
        for one, video in videos.items():
            self._first.setdefault(one, video.progress)
        known = [video.duration for video in videos.values() if video.duration]
        usual = sum(known) / len(known) if known else 1.0
        length = {one: video.duration or usual for one, video in videos.items()}
        done = sum(length[one] * (video.progress - self._first[one]) for one, video in videos.items())
        if done <= 0:
            return {}
        if done != self._done:
            self._done, self._worked_at = done, at
        left, ahead = dict[str, str](), 0.0
        for one, video in videos.items():
            if video.state not in ENDED:
                ahead += length[one] * (1 - video.progress)
                left_s = ahead * (self._worked_at - self._began) / done - (at - self._worked_at)
                if left_s >= 1:
                    left[one] = f"{format_timestamp(round(1000 * left_s))} left"
        return left
