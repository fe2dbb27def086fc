"""Records to rows and back; a column is named like the field it holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import Column, Result, Row, Table


class _Record(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


R = TypeVar("R", bound=_Record)


def columns_of(table: Table, kind: type[_Record]) -> list[Column[Any]]:
    """The columns of a table that make up a record of this kind."""
    return [table.c[field.name] for field in fields(kind)]


def record(kind: type[R], row: Row[Any]) -> R:
    """Build a record from a row of its columns."""
    return kind(**dict(zip(row._fields, row, strict=True)))


def records(kind: type[R], result: Result[Any]) -> list[R]:
    """Build a record from every row of a result."""
    names = tuple(result.keys())
    return [kind(**dict(zip(names, row, strict=True))) for row in result]


def values(of: _Record) -> dict[str, Any]:
    """A record's fields by column."""
    return {field.name: getattr(of, field.name) for field in fields(of)}


def checked(
    changes: Mapping[str, Any], kind: type[_Record], *, but: Collection[str]
) -> Mapping[str, Any]:
    """Pass changes on if they name fields of a record.

    Args:
        changes: New values by field.
        kind: Whose fields.
        but: Fields that only a method of their own may change.

    Raises:
        ValueError: Something else is named.
    """
    allowed = {field.name for field in fields(kind)} - set(but)
    if refused := sorted(set(changes) - allowed):
        message = f"{kind.__name__} fields that cannot be set here: {', '.join(refused)}"
        raise ValueError(message)
    return changes
