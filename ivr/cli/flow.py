"""``ivr flow``: check a flow file, and try it without a switch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.failures import Refused
from ivr.cli.output import json_option, show, show_grid, show_json, warn
from ivr.flow.kinds import FlowKind

if TYPE_CHECKING:
    from ivr.flow.errors import InvalidFlow
    from ivr.flow.step import FlowDocument
    from ivr.testing.flow_script import Transcript

_KIND = click.option(
    "--kind",
    type=click.Choice(FlowKind, case_sensitive=False),
    help="What the flow is for; by default what the file says of itself.",
)
_FILE = click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)


@click.group()
def flow() -> None:
    """Check flows and try them; needs no installation."""


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}"
        raise Refused(message) from error


@flow.command()
@_FILE
@_KIND
@json_option
@click.pass_context
def check(context: click.Context, file: str, *, kind: FlowKind | None, as_json: bool) -> None:
    """Check a flow: every fault with its exact place. FILE may be - for standard input."""
    from ivr.flow.document import load_flow
    from ivr.flow.errors import InvalidFlow

    try:
        document = load_flow(_content(file), kind=kind)
    except InvalidFlow as error:
        if not as_json:
            raise Refused(*(f"{file}: {problem}" for problem in error.problems)) from error
        show_json(_verdict(file, error))
        context.exit(1)
    if as_json:
        show_json(_verdict(file, document))
        return
    warn(f"{file}: {warning}" for warning in document.warnings)
    if document.kind is None:
        warn([f"{file}: what the flow is for is not known; say so with --kind"])
    show(f"{file}: {len(document.steps)} actions, no faults")


def _verdict(name: str, found: FlowDocument | InvalidFlow) -> dict[str, object]:
    from ivr.flow.errors import InvalidFlow

    faults = found.findings if isinstance(found, InvalidFlow) else ()
    warnings = () if isinstance(found, InvalidFlow) else found.warnings
    kind = None if isinstance(found, InvalidFlow) or found.kind is None else found.kind.value
    return {
        "file": name,
        "ok": not faults,
        "kind": kind,
        "faults": [
            {"action": each.action_id, "place": each.place, "message": each.message}
            for each in faults
        ],
        "warnings": [
            {"action": each.action_id, "place": each.place, "message": each.message}
            for each in warnings
        ],
    }


@flow.command(name="try")
@_FILE
@click.option(
    "--keys",
    default="",
    help="What the caller keys, one item for each entry: 1,5551234#. An empty item is no key.",
)
@click.option("--country", default="US", show_default=True, help="The site's country.")
@_KIND
@json_option
def try_(file: str, *, keys: str, country: str, kind: FlowKind | None, as_json: bool) -> None:
    """Run a flow without a switch: what a caller would hear, and which way it went.

    FILE may be - for standard input.
    """
    from ivr.flow.document import load_flow
    from ivr.flow.errors import InvalidFlow
    from ivr.testing.flow_script import TryWorld, parse_keys, run_script

    try:
        script = parse_keys(keys)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--keys") from error
    try:
        document = load_flow(_content(file), kind=kind)
    except InvalidFlow as error:
        raise Refused(*(f"{file}: {problem}" for problem in error.problems)) from error
    transcript = run_script(document, script, world=TryWorld(country=country.upper()))
    if as_json:
        show_json(_told(transcript))
    else:
        _tell(transcript)


def _told(transcript: Transcript) -> dict[str, object]:
    end = transcript.end
    return {
        "lines": [
            {"action": line.action_id, "what": line.what.value, "text": line.text}
            for line in transcript.lines
        ],
        "heard": list(transcript.heard()),
        "way": list(transcript.way()),
        "end": None if end is None else {"how": end.how.value, "action": end.action_id},
    }


def _tell(transcript: Transcript) -> None:
    rows = []
    last = None
    for line in transcript.lines:
        name = line.action_id if line.action_id != last else ""
        rows.append((name, line.what.value, line.text))
        last = line.action_id
    show_grid(rows)
