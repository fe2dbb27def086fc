"""What was decided for every contact, in order; appended with the change it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from ivr.domain.ids import ContactId
from ivr.ports.store import JournalEntry, Note
from ivr.store.rows import columns_of, records
from ivr.store.schema import journal

_LAST = select(func.coalesce(func.max(journal.c.number), 0)).where(
    journal.c.contact_id == bindparam("of_contact")
)
_APPEND = insert(journal)


def append(
    connection: Connection, contact_id: ContactId, notes: Sequence[Note], *, at: datetime
) -> None:
    """Write a contact's next entries, numbered without gaps."""
    if not notes:
        return
    last = connection.scalar(_LAST, {"of_contact": contact_id})
    connection.execute(
        _APPEND,
        [
            {
                "contact_id": contact_id,
                "number": number,
                "at": at,
                "kind": note.kind,
                "detail": note.detail,
            }
            for number, note in enumerate(notes, start=int(last or 0) + 1)
        ],
    )


def entries(connection: Connection, contact_id: ContactId) -> Sequence[JournalEntry]:
    """A contact's journal in order."""
    rows = connection.execute(
        select(*columns_of(journal, JournalEntry))
        .where(journal.c.contact_id == contact_id)
        .order_by(journal.c.number)
    )
    return records(JournalEntry, rows)
