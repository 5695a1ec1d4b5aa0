"""The tables of the embedded store's file, and the one row that says which version of them it has.

Owns names, keys and indexes. Columns exist only where a query needs them; everything else is in ``body`` (JSON of a
domain value). Moments are whole microseconds since 1970, so that they sort. Knows nothing of what the rows mean.
A file of an earlier release is brought up to date when it is opened, step by step; one of a later release is refused.
"""

import sqlite3

SCHEMA_VERSION = 4

_META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID"

_ANNOUNCEMENTS = (
    """CREATE TABLE announcements (
        position INTEGER PRIMARY KEY, target TEXT NOT NULL, id TEXT NOT NULL, said_at INTEGER NOT NULL,
        body BLOB NOT NULL, UNIQUE (target, id)
    )""",
    "CREATE INDEX announcements_by_time ON announcements (target, said_at, position)",
)
_DECIDED_BY_AGE = ("CREATE INDEX signals_decided ON signals (received_at) WHERE decided = 1",)
_BOOKMARKS = (
    """CREATE TABLE bookmarks (
        file TEXT PRIMARY KEY, version INTEGER NOT NULL, through INTEGER NOT NULL, moved_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX bookmarks_by_age ON bookmarks (moved_at)",
)

# What each version has and the one before it had not. To write a step is part of changing a table.
_STEPS = {2: _ANNOUNCEMENTS, 3: _DECIDED_BY_AGE, 4: _BOOKMARKS}

_TABLES = (
    """CREATE TABLE signals (
        dedup_key TEXT PRIMARY KEY, received_at INTEGER NOT NULL, decided INTEGER NOT NULL, body BLOB NOT NULL
    )""",
    "CREATE INDEX signals_undecided ON signals (received_at) WHERE decided = 0",
    *_DECIDED_BY_AGE,
    "CREATE TABLE rejected (id TEXT PRIMARY KEY, received_at INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX rejected_by_time ON rejected (received_at)",
    "CREATE TABLE facts (subject TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE decisions (
        position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, decided_at INTEGER NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE INDEX decisions_by_time ON decisions (decided_at)",
    "CREATE INDEX decisions_by_subject ON decisions (subject, decided_at)",
    """CREATE TABLE holds (
        subject TEXT NOT NULL, id TEXT NOT NULL, due INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (subject, id)
    ) WITHOUT ROWID""",
    "CREATE INDEX holds_by_due ON holds (due)",
    """CREATE TABLE commands (
        position INTEGER PRIMARY KEY, subject TEXT NOT NULL, id TEXT NOT NULL, decision TEXT NOT NULL,
        created_at INTEGER NOT NULL, sendable_at INTEGER, body BLOB NOT NULL, UNIQUE (subject, id)
    )""",
    "CREATE INDEX commands_by_decision ON commands (decision)",
    "CREATE INDEX commands_sendable ON commands (sendable_at) WHERE sendable_at IS NOT NULL",
    *_ANNOUNCEMENTS,
    "CREATE TABLE documents (name TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL)",
    """CREATE TABLE cursors (
        partition TEXT PRIMARY KEY, version INTEGER NOT NULL, sequence_number INTEGER NOT NULL
    ) WITHOUT ROWID""",
    *_BOOKMARKS,
    """CREATE TABLE deltas (
        position INTEGER PRIMARY KEY, partition TEXT NOT NULL, through INTEGER NOT NULL, body BLOB NOT NULL,
        UNIQUE (partition, through)
    )""",
    "CREATE TABLE windows (key TEXT PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL)",
    # AUTOINCREMENT: the id of a deleted message is never given to another one.
    """CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, visible_at INTEGER NOT NULL, inserted_at INTEGER NOT NULL,
        dequeue_count INTEGER NOT NULL DEFAULT 0, poisoned INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL
    )""",
    "CREATE INDEX messages_visible ON messages (visible_at) WHERE poisoned = 0",
)


class SchemaMismatchError(Exception):
    """The file was written by a later version of this program, or by none."""


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables of a new file, or bring an older one up to date, inside the caller's transaction.

    Raises SchemaMismatchError for a file of a later release, which stays as it is.
    """
    connection.execute(_META)
    found = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
    if found is None:
        for statement in _TABLES:
            connection.execute(statement)
        rows = [("schema_version", SCHEMA_VERSION), ("last_version", 0)]
        connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    elif found[0] != SCHEMA_VERSION:
        _bring_up_to_date(connection, found[0])


def _bring_up_to_date(connection: sqlite3.Connection, known: int) -> None:
    if not 0 < known < SCHEMA_VERSION:
        raise SchemaMismatchError(
            f"it has schema version {known}, and this release reads {SCHEMA_VERSION} and older: "
            "run the release that wrote it, or a later one"
        )
    for version in range(known + 1, SCHEMA_VERSION + 1):
        for statement in _STEPS[version]:
            connection.execute(statement)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (SCHEMA_VERSION,))


def next_version(connection: sqlite3.Connection) -> int:
    """A number that no row of this file ever had, from 1.

    One sequence for all rows: were each row to count for itself, a row that is deleted and written anew would have
    its old tag again, and the holder of the old tag could overwrite it.
    """
    statement = "UPDATE meta SET value = value + 1 WHERE name = 'last_version' RETURNING value"
    (version,) = connection.execute(statement).fetchall()[0]
    return int(version)
