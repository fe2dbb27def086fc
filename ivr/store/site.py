"""The site's configuration and the versions of its flows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from ivr.ports.store import SiteObject
from ivr.store.rows import columns_of, records, values
from ivr.store.schema import flow_versions, site_objects


def objects(connection: Connection) -> Sequence[SiteObject]:
    """The whole configuration, by kind and name."""
    rows = connection.execute(
        select(*columns_of(site_objects, SiteObject)).order_by(
            site_objects.c.kind, site_objects.c.name
        )
    )
    return records(SiteObject, rows)


def put_objects(
    connection: Connection, changed: Sequence[SiteObject], remove: Sequence[tuple[str, str]]
) -> None:
    """Remove and insert or replace by (kind, name), keeping the id of what exists."""
    for kind, name in remove:
        connection.execute(
            delete(site_objects).where(site_objects.c.kind == kind, site_objects.c.name == name)
        )
    for item in changed:
        replaced = connection.execute(
            update(site_objects)
            .where(site_objects.c.kind == item.kind, site_objects.c.name == item.name)
            .values(document=item.document)
        )
        if replaced.rowcount == 0:
            connection.execute(insert(site_objects).values(values(item)))


def publish_flow(
    connection: Connection, flow_id: str, *, name: str, kind: str, content: str, now: datetime
) -> int:
    """Store content as a flow's next version unless it is that of the last; its number."""
    last = flow_content(connection, flow_id, None)
    if last is not None and last[1] == content:
        return last[0]
    version = 1 if last is None else last[0] + 1
    connection.execute(
        insert(flow_versions).values(
            flow_id=flow_id,
            version=version,
            name=name,
            kind=kind,
            content=content,
            published_at=now,
        )
    )
    return version


def flow_content(
    connection: Connection, flow_id: str, version: int | None
) -> tuple[int, str] | None:
    """A version of a flow (the last by default) with its number."""
    query = (
        select(flow_versions.c.version, flow_versions.c.content)
        .where(flow_versions.c.flow_id == flow_id)
        .order_by(flow_versions.c.version.desc())
        .limit(1)
    )
    if version is not None:
        query = query.where(flow_versions.c.version == version)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.version, row.content)
