"""The tables of the one-machine database, step by step: a step that has been released is never changed, only followed."""

from __future__ import annotations

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE collections (name TEXT PRIMARY KEY, document TEXT NOT NULL)",
        """CREATE TABLE videos (
            video_id TEXT NOT NULL, generation INTEGER NOT NULL, collection TEXT NOT NULL, state TEXT NOT NULL,
            created_at REAL NOT NULL, updated_at REAL NOT NULL, document TEXT NOT NULL,
            PRIMARY KEY (video_id, generation))""",
        "CREATE INDEX videos_by_collection ON videos (collection, created_at)",
        "CREATE INDEX videos_by_state ON videos (state, updated_at)",
        """CREATE TABLE chunks (
            video_id TEXT NOT NULL, generation INTEGER NOT NULL, number INTEGER NOT NULL, document TEXT NOT NULL,
            PRIMARY KEY (video_id, generation, number),
            FOREIGN KEY (video_id, generation) REFERENCES videos ON DELETE CASCADE)""",
        """CREATE TABLE sections (
            video_id TEXT NOT NULL, generation INTEGER NOT NULL, chunk INTEGER NOT NULL, section TEXT NOT NULL,
            owner TEXT, interruptions INTEGER NOT NULL DEFAULT 0, document TEXT NOT NULL,
            PRIMARY KEY (video_id, generation, chunk, section),
            FOREIGN KEY (video_id, generation, chunk) REFERENCES chunks ON DELETE CASCADE)""",
        """CREATE TABLE bookings (
            video_id TEXT NOT NULL, generation INTEGER NOT NULL, day TEXT NOT NULL, duration_ms INTEGER NOT NULL,
            PRIMARY KEY (video_id, generation))""",
        "CREATE INDEX bookings_by_day ON bookings (day)",
        "CREATE TABLE feedback (id INTEGER PRIMARY KEY, document TEXT NOT NULL)",
        """CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY AUTOINCREMENT, subscription TEXT NOT NULL, data BLOB NOT NULL, attributes TEXT NOT NULL,
            due_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, interruptions INTEGER NOT NULL DEFAULT 0,
            token TEXT, owner TEXT, reason TEXT NOT NULL DEFAULT '')""",
        "CREATE INDEX deliveries_due ON deliveries (subscription, due_at)",
        "CREATE INDEX deliveries_by_owner ON deliveries (owner) WHERE owner IS NOT NULL",
        "CREATE TABLE counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    ),
    (
        "CREATE TABLE batches (id TEXT PRIMARY KEY, created_at REAL NOT NULL, document TEXT NOT NULL)",
        """CREATE TABLE batch_sections (
            video_id TEXT NOT NULL, generation INTEGER NOT NULL, chunk INTEGER NOT NULL, section TEXT NOT NULL, batch TEXT NOT NULL,
            PRIMARY KEY (video_id, generation, chunk, section),
            FOREIGN KEY (video_id, generation, chunk) REFERENCES chunks ON DELETE CASCADE)""",
        "CREATE INDEX batch_sections_by_batch ON batch_sections (batch)",
    ),
)
