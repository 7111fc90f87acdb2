"""The order of ingest at a glance: which verb each message is given to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scenesearch.config import Settings
from scenesearch.errors import InvalidMessage
from scenesearch.messages import WIRING, Message, Route, Subscription, Topic
from scenesearch.pipeline.assemble import assemble
from scenesearch.pipeline.batch import output_written
from scenesearch.pipeline.extract import extract
from scenesearch.pipeline.recover import recover
from scenesearch.pipeline.remove import remove
from scenesearch.pipeline.split import split
from scenesearch.ports import Handler, Models, Ports


def handlers(ports: Ports, models: Models, settings: Settings) -> Mapping[Subscription, Handler]:
    """What each subscription's messages are given to. A handler raises `InvalidMessage` for a message that is not its kind."""

    def handler(route: Route) -> Handler:
        section = route.section
        if section is not None:
            return _checked(route, lambda work: extract(work, models.extractor(section), ports, settings, models.batches))
        if route.topic is Topic.BATCHES:
            return _checked(route, lambda change: output_written(change, models.batches, ports, settings))
        return _checked(route, verbs[route.function])

    verbs: Mapping[str, Callable[[Any], None]] = {
        "split": lambda change: split(change, ports, settings),
        "assemble": lambda extracted: assemble(extracted, models.summarizer, ports),
        "remove": lambda change: remove(change, ports),
        "recover": lambda letter: recover(letter, ports, settings),
    }
    return {subscription: handler(route) for subscription, route in WIRING.items()}


def _checked(route: Route, handle: Callable[[Any], None]) -> Handler:
    def checked(message: Message) -> None:
        if not isinstance(message, route.takes):
            raise InvalidMessage(f"this needs {route.takes.__name__}, not {type(message).__name__}")
        handle(message)

    return checked
