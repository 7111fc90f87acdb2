"""Firestore: the database, an index for every query on the code's own list, and none for the fields that nobody asks by."""

from __future__ import annotations

from cdktn_provider_google.firestore_database import FirestoreDatabase
from cdktn_provider_google.firestore_field import FirestoreField, FirestoreFieldIndexConfig, FirestoreFieldTtlConfig
from cdktn_provider_google.firestore_index import FirestoreIndex, FirestoreIndexFields, FirestoreIndexFieldsVectorConfig
from cdktn_provider_google.firestore_index import FirestoreIndexFieldsVectorConfigFlat as Flat
from constructs import Construct

from infra.config import Environment
from scenesearch.backends.gcp.queries import COMPOSITE_QUERIES, EXPIRIES, UNINDEXED, CompositeQuery, Expiry, Unindexed


class Database(Construct):
    """One native database that can be set back to any minute of the last week, and that no `destroy` takes along by mistake."""

    def __init__(self, scope: Construct, name: str, env: Environment) -> None:
        super().__init__(scope, "database")
        self.database = FirestoreDatabase(
            self,
            "database",
            name=name,
            location_id=env.database_location,
            type="FIRESTORE_NATIVE",
            concurrency_mode="PESSIMISTIC",
            point_in_time_recovery_enablement="POINT_IN_TIME_RECOVERY_ENABLED",
            delete_protection_state=f"DELETE_PROTECTION_{'ENABLED' if env.protect_data else 'DISABLED'}",
            deletion_policy="ABANDON" if env.protect_data else "DELETE",
        )
        for query in COMPOSITE_QUERIES:
            FirestoreIndex(
                self,
                f"index-{query.name}",
                database=self.database.name,
                collection=query.collection,
                query_scope="COLLECTION_GROUP" if query.group else "COLLECTION",
                fields=_fields(query, env.models.dimension),
            )
        for expiry in EXPIRIES:
            self._field(f"expiry-{expiry.collection}", expiry, ttl=FirestoreFieldTtlConfig())
        for spared in UNINDEXED:
            self._field(f"unindexed-{spared.collection}-{spared.field}", spared, index=FirestoreFieldIndexConfig())  # of no indexes

    def _field(
        self,
        name: str,
        of: Expiry | Unindexed,
        *,
        ttl: FirestoreFieldTtlConfig | None = None,
        index: FirestoreFieldIndexConfig | None = None,
    ) -> None:
        FirestoreField(
            self, name, database=self.database.name, collection=of.collection, field=of.field, ttl_config=ttl, index_config=index
        )


def _fields(query: CompositeQuery, dimension: int) -> list[FirestoreIndexFields]:
    fields = [FirestoreIndexFields(field_path=f.path, order="DESCENDING" if f.descending else "ASCENDING") for f in query.fields]
    if query.vector is None:
        return fields
    nearest = FirestoreIndexFieldsVectorConfig(dimension=dimension, flat=Flat())
    return [
        *fields,
        FirestoreIndexFields(field_path="__name__", order="ASCENDING"),  # Firestore adds it before a vector: said, plans show no change
        FirestoreIndexFields(field_path=query.vector, vector_config=nearest),
    ]
