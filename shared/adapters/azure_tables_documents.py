"""Named bodies in Azure Tables, each changed by compare-and-swap.

Owns that a write against an old tag is refused. Knows nothing of what the bodies say.
All lie in one partition, so that a prefix is one query.
"""

from shared.adapters.azure_tables_keys import SEPARATOR, name_in, open_key
from shared.adapters.azure_tables_part import OnTables
from shared.adapters.azure_tables_rows import Write, is_tag, row_of, tag_of
from shared.ports import ConflictError, Stored

PARTITION = "all"
KIND = "document"


class AzureDocuments(OnTables):
    """``ports.Documents`` on Azure Tables. A name may have at most about 450 characters."""

    async def document(self, name: str) -> Stored[bytes | None]:
        """The body of a name and its tag; None and an empty tag when there is none."""
        found = await self._documents.get(PARTITION, open_key(KIND, name))
        return Stored(None) if found is None else Stored(await self._bodies.get(found), tag_of(found))

    async def save_document(self, name: str, body: bytes, etag: str) -> None:
        """Write a body. An empty tag means that there must be none yet. Raises ConflictError."""
        row_key = open_key(KIND, name)
        if etag and not is_tag(etag):
            raise ConflictError(f"the document {name} never had the tag {etag}")
        row = row_of(PARTITION, row_key, **await self._bodies.put("documents", PARTITION, row_key, body))
        await self._documents.write([Write("update", row, etag) if etag else Write("insert", row)])

    async def delete_document(self, name: str, etag: str) -> None:
        """Remove a body. Raises ConflictError, also when there is none."""
        if not is_tag(etag):
            raise ConflictError(f"the document {name} never had the tag {etag}")
        await self._documents.write([Write("delete", row_of(PARTITION, open_key(KIND, name)), etag)])

    async def documents(self, prefix: str) -> dict[str, bytes]:
        """All bodies whose name begins with a prefix, by name."""
        low = open_key(KIND, prefix) if prefix else KIND + SEPARATOR
        rows = await self._documents.beginning(PARTITION, low)
        bodies = await self._bodies_of(rows)
        return dict(sorted(zip((name_in(row["RowKey"]) for row in rows), bodies, strict=True)))
