"""One SQLite file, or ``:memory:``, used by one thread of its own, and shared with other processes.

Owns the connection, the transactions and the translation of errors. Knows no table (``sqlite_schema``).
SQLite because the embedded default needs transactions and several processes, and no server. Readers and one writer
work at the same time (write-ahead log, which needs a local disk: no network share); writers take turns.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from shared.adapters.sqlite_schema import SchemaMismatchError, prepare
from shared.ports import StoreUnavailableError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

BUSY_TIMEOUT_SECONDS = 10.0
OPEN_PAUSE_SECONDS = 0.05


def version_of(etag: str) -> int:
    """The version that a tag stands for; 0, which no row ever has, for the empty tag or one that is not ours."""
    return int(etag) if etag.isascii() and etag.isdecimal() and len(etag) < 19 else 0


def after_prefix(prefix: str) -> str:
    """An upper bound of all texts that begin with a prefix: texts sort by code point."""
    return prefix + "\U0010ffff"


class SqliteDatabase:
    """Runs work on one connection, one piece at a time, away from the event loop.

    Any method raises StoreUnavailableError when the file cannot be opened, read or written, stays locked by another
    process for longer than ``busy_timeout_seconds``, or is not one of ours.
    """

    def __init__(self, path: str, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> None:
        self._path = path
        self._busy_timeout_seconds = busy_timeout_seconds
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file, with its tables, creating it if need be; its folder must exist."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        try:
            self._connection = await self._connected()
            await self.write(prepare)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the file after the work under way. Closing twice does no harm."""
        thread, connection = self._thread, self._connection
        self._thread = self._connection = None
        if thread is None:
            return
        if connection is not None:
            await asyncio.get_running_loop().run_in_executor(thread, connection.close)
        thread.shutdown(wait=False)

    async def read(self, work: Work[T]) -> T:
        """Run one query, which sees what was committed before it began."""
        return await self._run(work)

    async def write(self, work: Work[T]) -> T:
        """Run work as one transaction, which is on the disk when this returns; an exception undoes all of it."""
        return await self._run(lambda connection: _in_transaction(connection, work))

    async def _connected(self) -> sqlite3.Connection:
        """A connection. Tries again while others open a new file too.

        SQLite does not honour the busy timeout when two connections change a file's journal mode at once.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._busy_timeout_seconds
        while True:
            try:
                return await loop.run_in_executor(self._thread, _connect, self._path, self._busy_timeout_seconds)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or loop.time() > deadline:
                    raise self._unavailable(error) from error
            await asyncio.sleep(OPEN_PAUSE_SECONDS)

    async def _run(self, work: Work[T]) -> T:
        if self._thread is None or self._connection is None:
            raise StoreUnavailableError(f"the store {self._path} is not open")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # a bug of ours, which sending again would not mend
        except (sqlite3.DatabaseError, SchemaMismatchError) as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(f"the store {self._path} cannot be used: {error}")


class OnDatabase:
    """What every part of the store begins with: the database that it works on."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database


def _connect(path: str, busy_timeout_seconds: float) -> sqlite3.Connection:
    # isolation_level None: transactions begin where we say so, never by guess.
    connection = sqlite3.connect(path, timeout=busy_timeout_seconds, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A source is answered once its signal is stored, so a loss of power must not take it back.
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _in_transaction(connection: sqlite3.Connection, work: Work[T]) -> T:
    connection.execute("BEGIN IMMEDIATE")  # takes the write lock now: what is read cannot change before the commit
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result
