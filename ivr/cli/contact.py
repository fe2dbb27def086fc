"""``ivr contact``: what became of a contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from ivr.cli.callback import stop_one
from ivr.cli.environment import Environment, pass_environment
from ivr.cli.journal import sentence
from ivr.cli.monitor import monitor
from ivr.cli.output import duration, json_option, show, show_grid, show_json, show_table
from ivr.cli.transfer import transfer


@click.group()
def contact() -> None:
    """Contacts: calls and callbacks."""


contact.add_command(transfer)
contact.add_command(monitor)


@contact.command(name="list")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many, newest first.",
)
@json_option
@pass_environment
def list_(environment: Environment, *, limit: int, as_json: bool) -> None:
    """Show the newest contacts."""
    with environment.controller() as controller:
        contacts = controller.get("contacts", limit=limit)
    if as_json:
        show_json(contacts)
        return
    show_table(
        ("Id", "Began (UTC)", "By", "Customer", "Queue", "Agent", "State", "Ended by"),
        [
            (
                each["id"],
                f"{datetime.fromisoformat(each['initiated_at']):%Y-%m-%d %H:%M:%S}",
                each["initiation"],
                each["customer"],
                each["queue"],
                each["agent"],
                each["state"].replace("_", " "),
                each["disconnect_reason"],
            )
            for each in contacts
        ],
        nothing="no contacts yet",
    )


@contact.command(name="show")
@click.argument("contact_id", metavar="ID")
@json_option
@pass_environment
def show_(environment: Environment, contact_id: str, *, as_json: bool) -> None:
    """Show a contact's record, and its journal as a timeline."""
    with environment.controller() as controller:
        found = controller.get("contacts", contact_id)
    if as_json:
        show_json(found)
        return
    show_grid((name, value) for name, value in _summary(found["record"]) if value is not None)
    show("")
    show_grid(_timeline(found["journal"]), dim=True)


@contact.command()
@click.argument("contact_id", metavar="ID")
@json_option
@pass_environment
def stop(environment: Environment, contact_id: str, *, as_json: bool) -> None:
    """End a contact: everybody in it is hung up, and a callback is dialled no more."""
    stop_one(environment, "contacts", contact_id, as_json=as_json)


def _summary(record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    own, queue, agent = record["ivr"], record["Queue"], record["Agent"]
    yield "Contact", record["ContactId"]
    yield "State", own["State"].replace("_", " ")
    yield "Began", f"{_when(record['InitiationTimestamp'])}, {record['InitiationMethod']}"
    yield "Customer", _address(record["CustomerEndpoint"])
    yield "Number called", _address(record["SystemEndpoint"])
    if queue:
        waited = duration(queue["Duration"])
        yield "Queue", queue["Name"] + (f", waited {waited}" if waited else "")
    yield "Offers", str(record["AgentConnectionAttempts"])
    if agent:
        talked = duration(agent["AgentInteractionDuration"])
        yield "Agent", agent["Username"] + (f", talked {talked}" if talked else "")
        yield "After-contact work", duration(agent["AfterContactWorkDuration"])
    yield from _callback(own["Callback"])
    if record["DisconnectTimestamp"]:
        yield "Ended", f"{_when(record['DisconnectTimestamp'])}, {record['DisconnectReason']}"
    yield "Before it", record["PreviousContactId"]
    yield "After it", record["NextContactId"]
    for name, value in record["Attributes"].items():
        yield f"Attribute {name}", value


def _callback(callback: Mapping[str, Any] | None) -> Iterator[tuple[str, str | None]]:
    if callback is None:
        return
    yield "Calls back", callback["Number"]
    yield "Attempts", f"{callback['AttemptsUsed']} of {callback['AttemptsAllowed']}"
    if callback["Result"] is None:
        yield "Due", _when(callback["DueTimestamp"])
        yield "Expires", _when(callback["ExpiryTimestamp"])
    else:
        why = f": {callback['Failure'].replace('_', ' ')}" if callback["Failure"] else ""
        yield "Result", callback["Result"] + why


def _timeline(journal: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    begin = datetime.fromisoformat(journal[0]["at"]) if journal else None
    for entry in journal:
        at = datetime.fromisoformat(entry["at"])
        passed = (at - begin).total_seconds() if begin else 0.0
        yield f"{at:%H:%M:%S}", _offset(passed), sentence(entry["kind"], entry["detail"])


def _offset(seconds: float) -> str:
    """A time since the beginning: ``+0.0 s``, ``+1:05.2``, ``+2:00:00.0``."""
    if seconds < 60:
        return f"+{seconds:.1f} s"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"+{hours}:{minutes:02}:{rest:04.1f}"
    return f"+{minutes}:{rest:04.1f}"


def _when(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _address(endpoint: Mapping[str, str] | None) -> str | None:
    return endpoint["Address"] if endpoint else None
