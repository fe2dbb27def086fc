"""What commands print: tables for people, JSON for programs.

With ``--json`` nothing but one JSON document goes to standard output. Names come from sites and
callers, so whatever a terminal could take for a command is replaced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

WIDTH_OF_FILES: Final = 250
"""Columns where the output is no terminal: lines stay whole for other programs."""

Command = TypeVar("Command", bound=Callable[..., Any])


def json_option(command: Command) -> Command:
    """Give a command ``--json``; it arrives as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(
        command
    )


def plain(text: str) -> str:
    """A text without control characters."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def show(text: str) -> None:
    """Print a line for people."""
    click.echo(plain(text))


def warn(warnings: Iterable[str]) -> None:
    """Print warnings for people, apart from the result."""
    for warning in warnings:
        click.echo(f"warning: {plain(warning)}", err=True)


def show_json(data: Any) -> None:
    """Print a document for programs, in UTF-8 whatever the terminal's encoding."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False).encode())


def show_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    nothing: str,
    numbers: Sequence[str] = (),
) -> None:
    """Print a table for people.

    Args:
        columns: Headings.
        rows: Cells; none is an empty one.
        nothing: What is printed instead if there are no rows.
        numbers: Headings of columns that are aligned to the right.
    """
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*(_cell(each) for each in row))
    if table.row_count:
        _draw(table)
    else:
        show(nothing)


def show_grid(rows: Iterable[tuple[Any, ...]], *, dim: bool = False) -> None:
    """Print lines for people, in columns without headings.

    Args:
        rows: Cells.
        dim: Whether the first column is printed faintly rather than strongly.
    """
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for index, row in enumerate(rows):
        if index == 0:
            for column in range(len(row)):
                style = ("dim" if dim else "bold") if column == 0 else ""
                grid.add_column(style=style)
        grid.add_row(*(_cell(each) for each in row))
    _draw(grid)


def _cell(value: Any) -> Text:
    """A value as a cell; markup in it is text."""
    from rich.text import Text

    return Text("" if value is None else plain(str(value)))


def _draw(table: Table) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())


def duration(seconds: float | None) -> str | None:
    """A span for people: ``8 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds is None:
        return None
    total = round(abs(seconds))
    sign = "-" if seconds < 0 and total else ""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    first = next((i for i, (_, size) in enumerate(units) if total >= size), len(units) - 1)
    parts: list[str] = []
    for name, size in units[first : first + 2]:
        count, total = divmod(total, size)
        if count or not parts:
            parts.append(f"{count} {name}")
    return sign + " ".join(parts)
