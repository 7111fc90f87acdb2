"""A road between Pub/Sub and the functions on which messages come late, in another order, and up to three times."""

from __future__ import annotations

import random
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scenesearch.backends.gcp.deliveries import message_of
from scenesearch.errors import InvalidMessage
from scenesearch.messages import DeadLetter, Message, SplitWork
from scenesearch.video import VideoRef
from scenesearch.web.push import parse

REFUSED_S = 0.2
"""How late Pub/Sub hears of a refusal: it sends again at once."""


class RoughRoad(ThreadingHTTPServer):
    """Passes pushes on. While `rough`, each goes one to three times, each time after a pause that lets others overtake it.

    It remembers what it has `passed` by kind, whose splitting was `continued`, the `dead` letters; and of rough times how many pushes
    went once, twice, three times (`sent_times`), how many were `overtaken`, how many a function died over (`cut_off`).
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, seed: int, longest_pause_s: float = 1.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rough = False
        self.passed: Counter[str] = Counter()
        self.continued: set[VideoRef] = set()
        self.dead: list[DeadLetter] = []
        self.sent_times: Counter[int] = Counter()
        self.overtaken = 0
        self.cut_off = 0
        self._arrived = self._newest_sent = 0
        self._pause_s = longest_pause_s
        self._random = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def plan(self) -> tuple[int, list[float]]:
        """Which push this is, and the pauses before each time that it goes."""
        with self._lock:
            self._arrived += 1
            pauses = [self._random.uniform(0, self._pause_s) for _ in range(self._random.randint(1, 3))] if self.rough else [0.0]
            if self.rough:
                self.sent_times[len(pauses)] += 1
            return self._arrived, pauses

    def saw(self, message: Message | None) -> None:
        with self._lock:
            self.passed[type(message).__name__] += 1
            if isinstance(message, DeadLetter):
                self.dead.append(message)
            if isinstance(message, SplitWork):
                self.continued.add(message.ref)

    def pass_on(self, number: int, to: str, body: bytes) -> int:
        """The function's answer to push `number`; 503 for one that is not there or dies over it."""
        with self._lock:
            self.overtaken += self.rough and number < self._newest_sent
            self._newest_sent = max(self._newest_sent, number)
        request = urllib.request.Request(to, body, {"Content-Type": "application/json"})  # noqa: S310 - a test's own server
        try:
            with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310 - as above
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, HTTPException) as error:
            with self._lock:
                self.cut_off += isinstance(error, ConnectionResetError | RemoteDisconnected)
            return 503

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up will come again."""


@contextmanager
def rough_road(seed: int) -> Iterator[RoughRoad]:
    road = RoughRoad(seed)
    threading.Thread(target=road.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield road
    finally:
        road.shutdown()
        road.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: RoughRoad

    def do_POST(self) -> None:
        to = parse_qs(urlsplit(self.path).query)["to"][0]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.saw(_message(body))
        number, (first, *again) = self.server.plan()
        for pause in again:
            threading.Timer(2 * pause, self.server.pass_on, (number, to, body)).start()
        time.sleep(first)
        status = self.server.pass_on(number, to, body)
        if status >= 400:
            time.sleep(REFUSED_S)
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing is printed."""


def _message(body: bytes) -> Message | None:
    try:
        push = parse(body)
        return message_of(push.data, push.attributes)
    except InvalidMessage:
        return None
