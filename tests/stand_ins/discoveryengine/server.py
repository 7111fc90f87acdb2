"""The server: the API's services, registered by their names, with the messages of Google's own package."""

from __future__ import annotations

import base64
import hashlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import numpy as np
from google.cloud import discoveryengine_v1beta as engine
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import status_pb2

from stand_ins.discoveryengine.data_store import Store
from stand_ins.discoveryengine.faults import Fault, Faults
from stand_ins.discoveryengine.filters import Unrecognizable, predicate
from stand_ins.discoveryengine.ranking import checked, keyword_scores, value

PACKAGE = "google.cloud.discoveryengine.v1beta"
LARGEST_PAGE = 100
NEAREST = 1_000
"""Documents that a search by vector finds."""


@dataclass
class StandIn:
    """What tests hold of it: where it listens, its documents, the calls so far, and what goes wrong next."""

    name: str
    store: Store
    address: str = ""
    operation_s: float = 0.0
    calls: list[tuple[str, Any]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    operations: dict[str, tuple[float, operations_pb2.Operation]] = field(default_factory=dict)

    def goes_wrong(self, *faults: Fault) -> None:
        """From now on; none: everything works."""
        self.faults.pending = list(faults)

    def calls_of(self, method: str) -> list[Any]:
        return [request for name, request in self.calls if name == method]


@contextmanager
def serving(name: str, schema: Mapping[str, Any], *, lag_s: float = 0.0) -> Iterator[StandIn]:
    """A stand-in for one data store (by its full name, with this schema), as long as the context lasts."""
    stand_in = StandIn(name, Store(schema, lag_s))
    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    documents = {
        "ImportDocuments": (_import, engine.ImportDocumentsRequest),
        "PurgeDocuments": (_purge, engine.PurgeDocumentsRequest),
        "DeleteDocument": (_delete, engine.DeleteDocumentRequest),
        "GetDocument": (_get, engine.GetDocumentRequest),
    }
    server.add_generic_rpc_handlers(
        (
            _service(stand_in, f"{PACKAGE}.DocumentService", documents),
            _service(stand_in, f"{PACKAGE}.SearchService", {"Search": (_search, engine.SearchRequest)}),
            _service(stand_in, f"{PACKAGE}.SchemaService", {"GetSchema": (_schema, engine.GetSchemaRequest)}),
            _service(stand_in, "google.longrunning.Operations", {"GetOperation": (_operation, operations_pb2.GetOperationRequest)}),
        )
    )
    stand_in.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield stand_in
    finally:
        server.stop(grace=None).wait()


class Refused(Exception):
    """An error of the API's, with its code."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def _service(stand_in: StandIn, name: str, methods: Mapping[str, tuple[Callable[..., Any], Any]]) -> grpc.GenericRpcHandler:
    def handler(method: str, answer: Callable[..., Any], kind: Any) -> grpc.RpcMethodHandler:
        def called(request: Any, context: grpc.ServicerContext) -> Any:
            stand_in.calls.append((method, request))
            fault = stand_in.faults.next(method)
            if fault is not None:
                time.sleep(fault.seconds)
                if fault.code is not None:
                    context.abort(fault.code, f"{method} goes wrong on demand")
            try:
                return answer(stand_in, request, fault)
            except Refused as refusal:
                context.abort(refusal.code, str(refusal))
            except Unrecognizable as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

        return grpc.unary_unary_rpc_method_handler(
            called,
            request_deserializer=kind.FromString if hasattr(kind, "FromString") else kind.deserialize,
            response_serializer=_serialized,
        )

    return grpc.method_handlers_generic_handler(name, {m: handler(m, answer, kind) for m, (answer, kind) in methods.items()})


def _serialized(message: Any) -> bytes:
    raw: bytes = message.SerializeToString() if hasattr(message, "SerializeToString") else type(message).serialize(message)
    return raw


# --- documents -------------------------------------------------------------------------------------------------------


def _import(stand_in: StandIn, request: engine.ImportDocumentsRequest, fault: Fault | None) -> operations_pb2.Operation:
    _of_this_store(stand_in, request.parent)
    errors = []
    for document in request.inline_source.documents:
        why = (
            "not taken, on demand"
            if fault is not None and document.id in fault.documents
            else stand_in.store.put(document.id, document.json_data)
        )
        if why is not None:
            errors.append(status_pb2.Status(code=3, message=f"{document.id}: {why}"))
    done = len(request.inline_source.documents) - len(errors)
    metadata = engine.ImportDocumentsMetadata(success_count=done, failure_count=len(errors))
    return _begun(stand_in, engine.ImportDocumentsResponse(error_samples=errors[:5]), metadata)


def _purge(stand_in: StandIn, request: engine.PurgeDocumentsRequest, fault: Fault | None) -> operations_pb2.Operation:
    """Only everything can be purged by a filter, and only when it is forced."""
    _of_this_store(stand_in, request.parent)
    if request.filter != "*":
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the only filter that is supported is *")
    names = list(stand_in.store.stored)
    for name in names if request.force else ():
        stand_in.store.delete(name)
    return _begun(stand_in, engine.PurgeDocumentsResponse(purge_count=len(names)), engine.PurgeDocumentsMetadata(success_count=len(names)))


def _delete(stand_in: StandIn, request: engine.DeleteDocumentRequest, fault: Fault | None) -> empty_pb2.Empty:
    if not stand_in.store.delete(_document_id(stand_in, request.name)):
        raise Refused(grpc.StatusCode.NOT_FOUND, f"there is no document {request.name}")
    return empty_pb2.Empty()


def _get(stand_in: StandIn, request: engine.GetDocumentRequest, fault: Fault | None) -> engine.Document:
    name = _document_id(stand_in, request.name)
    stand_in.store.refresh()
    if name not in stand_in.store.stored:
        raise Refused(grpc.StatusCode.NOT_FOUND, f"there is no document {request.name}")
    document = engine.Document(id=name, name=request.name)
    if name in stand_in.store.indexed_at:
        document.index_time = datetime.fromtimestamp(stand_in.store.indexed_at[name], UTC)
    else:
        document.index_status = engine.Document.IndexStatus(pending_message="not yet")
    return document


def _schema(stand_in: StandIn, request: engine.GetSchemaRequest, fault: Fault | None) -> engine.Schema:
    if request.name != f"{stand_in.name}/schemas/default_schema":
        raise Refused(grpc.StatusCode.NOT_FOUND, f"there is no schema {request.name}")
    return engine.Schema(name=request.name, struct_schema=dict(stand_in.store.schema))


# --- operations ------------------------------------------------------------------------------------------------------


def _begun(stand_in: StandIn, response: Any, metadata: Any) -> operations_pb2.Operation:
    operation = operations_pb2.Operation(name=f"{stand_in.name}/operations/{len(stand_in.operations)}", done=True)
    operation.response.Pack(type(response).pb(response))
    operation.metadata.Pack(type(metadata).pb(metadata))
    stand_in.operations[operation.name] = (time.monotonic() + stand_in.operation_s, operation)
    return _seen(stand_in, operation.name)


def _operation(stand_in: StandIn, request: operations_pb2.GetOperationRequest, fault: Fault | None) -> operations_pb2.Operation:
    return _seen(stand_in, request.name)


def _seen(stand_in: StandIn, name: str) -> operations_pb2.Operation:
    """The operation, done or not yet."""
    done_at, operation = stand_in.operations[name]
    return operation if time.monotonic() >= done_at else operations_pb2.Operation(name=name)


# --- searching -------------------------------------------------------------------------------------------------------


def _search(stand_in: StandIn, request: engine.SearchRequest, fault: Fault | None) -> engine.SearchResponse:
    if request.serving_config != f"{stand_in.name}/servingConfigs/default_config":
        raise Refused(grpc.StatusCode.NOT_FOUND, f"there is no serving config {request.serving_config}")
    if request.page_size < 0 or request.offset < 0:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "page_size and offset must not be negative")
    store = stand_in.store
    with store.lock:
        store.refresh()
        admitted = predicate(request.filter, store.marked("indexable"))
        names = [name for name, document in store.indexed.items() if admitted(document.fields)]
        ranked = _crowded(stand_in, request, _ranked(stand_in, request, names))
        start = _start(request)
        size = min(request.page_size or 50, LARGEST_PAGE)
        retrievable = store.marked("retrievable")
        results = [
            _result(name, {p: v for p, v in store.indexed[name].fields.items() if p in retrievable})
            for name in ranked[start : start + size]
        ]
        more = start + size < len(ranked)
        return engine.SearchResponse(
            results=results,
            facets=[_facet(stand_in, spec, names) for spec in request.facet_specs],
            total_size=len(ranked),
            next_page_token=_token(request, start + size) if more else "",
        )


def _ranked(stand_in: StandIn, request: engine.SearchRequest, names: list[str]) -> list[str]:
    """The documents that are found, best first. An empty query finds all of them."""
    store = stand_in.store
    by_formula = request.ranking_expression_backend == engine.SearchRequest.RankingExpressionBackend.RANK_BY_FORMULA
    terms = checked(request.ranking_expression, by_formula=by_formula, embeddings=list(store.embeddings))
    keyword = keyword_scores(request.query, {name: store.indexed[name].words for name in names})
    near = _near(stand_in, request, names)
    found = set(keyword) | set(near) if request.query or near else set(names)

    def score(name: str) -> float:
        signals = {
            "keyword_similarity_score": keyword.get(name, math.nan),
            "semantic_similarity_score": math.nan,
            "relevance_score": keyword.get(name, 0.0) / (1 + keyword.get(name, 0.0)),
            **{f"dotProduct({path})": near.get(name, 0.0) for path in store.embeddings},
        }
        return value(terms, signals) if terms else signals["relevance_score"]

    return sorted(found, key=lambda name: (-score(name), name))


def _near(stand_in: StandIn, request: engine.SearchRequest, names: list[str]) -> dict[str, float]:
    """The nearest documents to the vector of the request, with their dot products."""
    vectors = request.embedding_spec.embedding_vectors
    if not vectors:
        return {}
    [asked] = vectors
    if stand_in.store.embeddings.get(asked.field_path) != len(asked.vector):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{asked.field_path} is no embedding of {len(asked.vector)} numbers")
    there = [name for name in names if asked.field_path in stand_in.store.indexed[name].vectors]
    if not there:
        return {}
    products = np.stack([stand_in.store.indexed[name].vectors[asked.field_path] for name in there]) @ np.array(asked.vector, np.float32)
    return {there[i]: float(products[i]) for i in np.argsort(-products)[:NEAREST].tolist()}


def _crowded(stand_in: StandIn, request: engine.SearchRequest, ranked: list[str]) -> list[str]:
    """Without what is too much of one value."""
    for spec in request.crowding_specs:
        if spec.field not in stand_in.store.marked("indexable"):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{spec.field} is not indexable")
        taken, kept = Counter[str](), list[str]()
        for name in ranked:
            key = str(stand_in.store.indexed[name].fields.get(spec.field))
            taken[key] += 1
            if taken[key] <= (spec.max_count or 1):
                kept.append(name)
        ranked = kept
    return ranked


def _facet(stand_in: StandIn, spec: engine.SearchRequest.FacetSpec, names: list[str]) -> engine.SearchResponse.Facet:
    key = spec.facet_key.key
    if key not in stand_in.store.marked("dynamicFacetable"):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{key} is not facetable")
    if len(spec.facet_key.restricted_values) > 10:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "at most 10 restricted values")
    wanted = set(spec.facet_key.restricted_values)
    counted = Counter(
        value for name in names for value in stand_in.store.indexed[name].fields.get(key, ()) if not wanted or value in wanted
    )
    values = [
        engine.SearchResponse.Facet.FacetValue(value=text, count=count) for text, count in sorted(counted.items())[: spec.limit or 20]
    ]
    return engine.SearchResponse.Facet(key=key, values=values)


def _result(name: str, fields: Mapping[str, Any]) -> engine.SearchResponse.SearchResult:
    return engine.SearchResponse.SearchResult(id=name, document=engine.Document(id=name, struct_data=dict(fields)))


def _start(request: engine.SearchRequest) -> int:
    if not request.page_token:
        return int(request.offset)
    start, _, said = base64.b64decode(request.page_token).decode().partition(":")
    if said != _fingerprint(request):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the page token is of another request")
    return int(start)


def _token(request: engine.SearchRequest, start: int) -> str:
    return base64.b64encode(f"{start}:{_fingerprint(request)}".encode()).decode()


def _fingerprint(request: engine.SearchRequest) -> str:
    plain = engine.SearchRequest(request)
    plain.page_token, plain.offset = "", 0
    return hashlib.sha256(engine.SearchRequest.serialize(plain)).hexdigest()[:16]


def _of_this_store(stand_in: StandIn, parent: str) -> None:
    if parent != f"{stand_in.name}/branches/default_branch":
        raise Refused(grpc.StatusCode.NOT_FOUND, f"there is no branch {parent}")


def _document_id(stand_in: StandIn, name: str) -> str:
    prefix, _, document_id = name.rpartition("/documents/")
    _of_this_store(stand_in, prefix)
    return document_id
