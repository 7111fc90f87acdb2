"""The data store of moments: its documents written, deleted, searched and counted, through Google's own client.

Searching by a vector of one's own is in the API's `v1beta` only, so everything here speaks that version. The service says
itself what it can do no better: what is written is durable at once and found a little later.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.api_core import exceptions as google
from google.api_core.client_options import ClientOptions
from google.api_core.future.polling import DEFAULT_POLLING
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import Credentials
from google.cloud import discoveryengine_v1beta as engine
from google.protobuf.json_format import MessageToDict

from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.vertexai_search.filters import all_of
from scenesearch.backends.vertexai_search.schema import REF, SCHEMA_ID, VECTOR, WORDS, schema
from scenesearch.errors import Unavailable

PAGE = 100
"""The most results of one request."""

INLINE = 100
"""Documents of one import: what the service recommends at most."""

FACET_VALUES = 10
"""Values that one facet may be restricted to."""

DELETES_AT_ONCE = 16
"""Deletions under way at the same time: the service knows no batch of them."""

_AGAIN = if_exception_type(google.ServiceUnavailable, google.ResourceExhausted, google.InternalServerError, google.Aborted)
_ASKING = Retry(predicate=_AGAIN, initial=0.1, maximum=2.0, timeout=8.0)
_WRITING = Retry(predicate=_AGAIN, initial=0.25, maximum=8.0, timeout=120.0)
_WAITING = DEFAULT_POLLING.with_delay(initial=0.1, multiplier=1.5, maximum=5.0).with_timeout(300.0)
"""How an operation that takes its time is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one search looks for. `ranking` is a ranking expression, `by_formula` says of which of its two languages.

    At most `per_ref` results of one generation of a video, `count` together.
    """

    query: str
    conditions: Sequence[str]
    ranking: str
    by_formula: bool
    count: int
    per_ref: int
    vector: Sequence[float] = field(default=())


class DataStore:
    """One data store, by its full resource name. Threads may share it."""

    def __init__(self, name: str, client: Callable[[Any], Any]) -> None:
        """`client` makes a client of the kind that it is given."""
        self._name, self._client = name, client
        self._branch = f"{name}/branches/default_branch"
        self._serving = f"{name}/servingConfigs/default_config"
        self._documents: engine.DocumentServiceClient = client(engine.DocumentServiceClient)
        self._searches: engine.SearchServiceClient = client(engine.SearchServiceClient)

    @classmethod
    def connect(cls, name: str, credentials: Credentials, endpoint: str = "") -> Self:
        """The data store `projects/…/locations/…/collections/…/dataStores/…` at its location's endpoint, or at another one.

        An `endpoint` on this machine is spoken to without encryption and credentials.
        """
        if endpoint.startswith(("localhost:", "127.0.0.1:")):
            channel = grpc.insecure_channel(endpoint, options=[("grpc.max_receive_message_length", -1)])
            return cls(name, lambda kind: kind(transport=kind.get_transport_class("grpc")(channel=channel)))
        options = ClientOptions(api_endpoint=endpoint or _endpoint(name))
        return cls(name, lambda kind: kind(credentials=credentials, client_options=options))

    @property
    def host(self) -> str:
        """Where searches go."""
        return str(self._searches.transport.host)

    def put(self, documents: Mapping[str, str]) -> None:
        """Write these documents (their JSON by their ids), in place of those of the same ids.

        Raises:
            Unavailable: some of them were not taken; the message says of one why.
        """
        pending = list(documents.items())
        operations = []
        for start in range(0, len(pending), INLINE):
            source = engine.ImportDocumentsRequest.InlineSource(
                documents=[engine.Document(id=name, json_data=text) for name, text in pending[start : start + INLINE]]
            )
            request = engine.ImportDocumentsRequest(parent=self._branch, inline_source=source)
            operations.append(self._documents.import_documents(request, retry=_WRITING, timeout=60.0))
        for operation in operations:
            answer = operation.result(polling=_WAITING, retry=_WRITING)
            failed = operation.metadata.failure_count if operation.metadata else 0
            if answer.error_samples or failed:
                why = answer.error_samples[0].message if answer.error_samples else "no reason given"
                raise Unavailable(f"Vertex AI Search did not take {failed or len(answer.error_samples)} of {len(pending)} moments: {why}")

    def delete(self, names: Iterable[str]) -> None:
        """Delete these documents; those that are not there do not matter.

        One by one: of the API's purge it is documented that its filter is required and only knows "everything".
        """

        def gone(name: str) -> None:
            try:
                self._documents.delete_document(name=f"{self._branch}/documents/{name}", retry=_WRITING, timeout=30.0)
            except google.NotFound:
                return

        with ThreadPoolExecutor(DELETES_AT_ONCE) as threads:
            list(threads.map(gone, names))

    def purge(self) -> None:
        """Delete everything."""
        request = engine.PurgeDocumentsRequest(parent=self._branch, filter="*", force=True)
        self._documents.purge_documents(request, retry=_WRITING, timeout=60.0).result(polling=_WAITING, retry=_WRITING)

    def schema_faults(self, dimension: int) -> list[str]:
        """What its schema lacks of ours, field by field: such fields are dropped or not searched, and the service says nothing.

        Raises `NotFound`, `Unavailable` as everything that asks the cloud.
        """
        name = f"{self._name}/schemas/{SCHEMA_ID}"
        with translated("looking at the data store's schema"):
            there = self._client(engine.SchemaServiceClient).get_schema(name=name, retry=_ASKING, timeout=8.0)
        known = json.loads(there.json_schema or "{}").get("properties") or _plain(engine.Schema.pb(there).struct_schema).get(
            "properties", {}
        )
        wanted = schema(dimension)["properties"]
        return [
            f"{field}: {_said(known.get(field))}, not {_said(wanted[field])}" for field in wanted if _lacks(known.get(field), wanted[field])
        ]

    def indexed_at(self, name: str) -> float | None:
        """When the service last made this document searchable (its own clock, in seconds); None: not yet.

        Raises:
            Unavailable: it says that it cannot; the message says why.
        """
        try:
            document = self._documents.get_document(name=f"{self._branch}/documents/{name}", retry=_WRITING, timeout=30.0)
        except google.NotFound:
            return None
        if document.index_status.error_samples:
            raise Unavailable(f"Vertex AI Search cannot index {name}: {document.index_status.error_samples[0].message}")
        return document.index_time.timestamp() if document.index_time else None

    def await_indexed(self, name: str, since: float | None, seconds: float) -> bool:
        """Whether this document was made searchable after `since` (see `indexed_at`) within so many seconds."""
        until, pause = time.monotonic() + seconds, 0.05
        while (at := self.indexed_at(name)) is None or (since is not None and at <= since):
            if time.monotonic() + pause > until:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 8.0)
        return True

    def search(self, wanted: Wanted) -> dict[str, Mapping[str, Any]]:
        """The fields of the documents found, by their ids, best first. The pages of an answer are asked for at once."""
        starts = range(0, wanted.count, PAGE)
        with ThreadPoolExecutor(len(starts)) as threads:
            pages = threads.map(lambda start: self._page(wanted, start), starts)
            return {name: fields for page in pages for name, fields in page.items()}

    def frequencies(self, keys: Sequence[str]) -> Mapping[str, int]:
        """In how many moments each of these words (see `word_key`) stands."""
        groups = [keys[start : start + FACET_VALUES] for start in range(0, len(keys), FACET_VALUES)]
        if not groups:
            return {}
        with ThreadPoolExecutor(len(groups)) as threads:
            return {key: count for counted in threads.map(self._facets, groups) for key, count in counted.items()}

    def _page(self, wanted: Wanted, start: int) -> dict[str, Mapping[str, Any]]:
        request = self._request(all_of(wanted.conditions), min(PAGE, wanted.count - start))
        request.query, request.offset = wanted.query, start
        request.ranking_expression = wanted.ranking
        backends = engine.SearchRequest.RankingExpressionBackend
        request.ranking_expression_backend = backends(backends.RANK_BY_FORMULA if wanted.by_formula else backends.RANK_BY_EMBEDDING)
        request.crowding_specs = [engine.SearchRequest.CrowdingSpec(field=REF, max_count=wanted.per_ref)]
        if wanted.vector:
            vector = engine.SearchRequest.EmbeddingSpec.EmbeddingVector(field_path=VECTOR, vector=wanted.vector)
            request.embedding_spec = engine.SearchRequest.EmbeddingSpec(embedding_vectors=[vector])
        return {result.id: _fields(result) for result in self._answer(request).results}

    def _facets(self, keys: Sequence[str]) -> dict[str, int]:
        request = self._request("", 1)
        key = engine.SearchRequest.FacetSpec.FacetKey(key=WORDS, restricted_values=list(keys))
        request.facet_specs = [engine.SearchRequest.FacetSpec(facet_key=key, limit=FACET_VALUES)]
        return {value.value: value.count for facet in self._answer(request).facets if facet.key == WORDS for value in facet.values}

    def _answer(self, request: engine.SearchRequest) -> Any:
        """The first page as it came; more pages would be asked for by iterating over the client's answer."""
        return engine.SearchResponse.pb(next(iter(self._searches.search(request, retry=_ASKING, timeout=8.0).pages)))

    def _request(self, filter_: str, page_size: int) -> engine.SearchRequest:
        """Nothing added, corrected or left out by the service: candidates are weighed here."""
        request = engine.SearchRequest
        return request(
            serving_config=self._serving,
            filter=filter_,
            page_size=page_size,
            query_expansion_spec=request.QueryExpansionSpec(condition=request.QueryExpansionSpec.Condition.DISABLED),
            spell_correction_spec=request.SpellCorrectionSpec(mode=request.SpellCorrectionSpec.Mode.SUGGESTION_ONLY),
            relevance_threshold=request.RelevanceThreshold.LOWEST,
        )


def full_name(data_store: str, project: str) -> str:
    """The resource name of a data store that is named by its id (in the location `global`), or by that name already."""
    return (
        data_store if "/" in data_store else f"projects/{project}/locations/global/collections/default_collection/dataStores/{data_store}"
    )


def _endpoint(name: str) -> str:
    location = name.split("/")[3]
    return "discoveryengine.googleapis.com" if location == "global" else f"{location}-discoveryengine.googleapis.com"


def _fields(result: Any) -> Mapping[str, Any]:
    """The fields of a document in an answer: as a structure, though they came as text."""
    document = result.document
    fields: Mapping[str, Any] = json.loads(document.json_data) if document.json_data else _plain(document.struct_data)
    return fields


def _plain(structure: Any) -> dict[str, Any]:
    plain: dict[str, Any] = MessageToDict(structure)
    return plain


def _lacks(there: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether anything that is wanted of a field is said otherwise; more may be said of it."""
    return there is None or any(_lacks(there.get(k), v) if isinstance(v, dict) else there.get(k) != v for k, v in wanted.items())


def _said(of_field: object) -> str:
    return "absent" if of_field is None else json.dumps(of_field, sort_keys=True)
