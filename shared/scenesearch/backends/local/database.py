"""One SQLite file for catalog and queue, so that what is stored and what is published is one commit."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scenesearch.backends.local.home import make_private, open_private
from scenesearch.backends.local.liveness import Liveness
from scenesearch.backends.local.schema import STEPS
from scenesearch.errors import ConfigurationError, StorageFull, Unavailable
from scenesearch.names import called

Row = sqlite3.Row
Parameters = Sequence[Any] | Mapping[str, Any]


class Database:
    """One connection a thread and process, opened when it is first used. Can be pickled: only the path travels."""

    def __init__(self, path: Path, steps: Sequence[Sequence[str]] = STEPS, *, patience_s: float = 60.0) -> None:
        """`steps` make the tables; `patience_s`: how long to wait for others that write before `Unavailable`."""
        self.path = path
        self._steps = steps
        self.liveness = Liveness(path.parent / "alive")
        self._patience_s = patience_s
        self._local = threading.local()

    def __reduce__(self) -> tuple[type[Database], tuple[Path, Sequence[Sequence[str]]]]:
        return Database, (self.path, self._steps)

    def execute(self, statement: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Run one statement: in the open transaction of this thread, else in one of its own.

        Raises:
            StorageFull: the disk is full; nothing was stored.
            Unavailable: the file stayed locked for too long.
        """
        connection = self._connection()
        with self._translated():
            return connection.execute(statement, parameters)

    def rows(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a query."""
        with self._translated():
            return self.execute(statement, parameters).fetchall()

    def row(self, statement: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a query, if any."""
        rows = self.rows(statement, parameters)
        return rows[0] if rows else None

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All or nothing, alone among writers. Within another `atomic` it is a part of that one, and may fail alone.

        Raises what `execute` raises.
        """
        connection = self._connection()
        nested = connection.in_transaction
        with self._translated():
            connection.execute("SAVEPOINT part" if nested else "BEGIN IMMEDIATE")
        try:
            yield
            with self._translated():
                connection.execute("RELEASE part" if nested else "COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk may have ended it already
                if nested:
                    connection.execute("ROLLBACK TO part")
                    connection.execute("RELEASE part")
                else:
                    connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close this thread's connection; the next use opens another."""
        if getattr(self._local, "process", None) == os.getpid():
            self._local.connection.close()
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        local = self._local
        if getattr(local, "process", None) != os.getpid():
            # a connection must not cross a fork, nor be closed there: closing it drops the locks of the process it came from
            local.inherited = getattr(local, "connection", None)
            local.connection, local.process = self._open(), os.getpid()
        connection: sqlite3.Connection = local.connection
        return connection

    def _open(self) -> sqlite3.Connection:
        with self._translated():
            make_private(self.path.parent)
            if not self.path.exists():
                with suppress(OSError):  # SQLite says what is wrong
                    os.close(open_private(self.path, os.O_CREAT))
            connection = sqlite3.connect(self.path, timeout=self._patience_s, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.create_function("is_called", 3, lambda name, *video: name in called(*video), deterministic=True)
            self._enter_wal(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")  # a commit is a promise: it outlives a power cut
            self._upgrade(connection)
            return connection

    def _enter_wal(self, connection: sqlite3.Connection) -> None:
        """The one statement that does not wait for others by itself."""
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        if self._version(connection) == len(self._steps):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            for step in self._steps[self._version(connection) :]:
                for statement in step:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(self._steps)}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._steps):
            raise ConfigurationError(f"{self.path} was written by a newer scenesearch: install that, or choose another SCENESEARCH_HOME")
        return version

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            match getattr(error, "sqlite_errorcode", 0) & 0xFF:
                case sqlite3.SQLITE_FULL:
                    raise StorageFull(f"no space left for {self.path}: free some, then run `scenesearch retry`") from error
                case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                    raise Unavailable(f"{self.path} stayed locked for {self._patience_s:.0f} s: end whatever holds it") from error
                case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                    raise ConfigurationError(f"{self.path} is damaged: move it away (`scenesearch ingest` fills a new one)") from error
                case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_IOERR:
                    raise Unavailable(f"{self.path} cannot be read or written ({error}): check the disk and its permissions") from error
            raise
