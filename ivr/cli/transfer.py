"""``ivr contact transfer``: what an agent does with a quick connect, from a program or a script."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import click

from ivr.cli.environment import Environment, pass_environment
from ivr.cli.output import json_option, show_grid, show_json
from ivr.domain.transfer import Verb

_VERBS = {
    Verb.JOIN: "Have all talk.",
    Verb.HOLD_ALL: "Put customer and destination on hold.",
    Verb.HOLD_DESTINATION: "Talk with the customer alone.",
    Verb.HOLD_CUSTOMER: "Talk with the destination alone.",
    Verb.RESUME_DESTINATION: "Take the destination off hold.",
    Verb.RESUME_CUSTOMER: "Take the customer off hold.",
    Verb.SWAP: "Talk with the one who is on hold.",
    Verb.DROP: "Part from the destination.",
    Verb.CANCEL: "Give up a destination that has not answered.",
    Verb.LEAVE: "Leave customer, destination and parties to each other.",
}


@click.group()
def transfer() -> None:
    """Quick connects from a contact: start one, join, hold, swap, leave."""


@transfer.command()
@click.argument("contact_id", metavar="CONTACT")
@click.argument("quick_connect", metavar="QUICK_CONNECT")
@click.option("--no-hold", is_flag=True, help="Do not put the customer on hold.")
@click.option("--key", help="Carry the request out once, however often it is sent.")
@json_option
@pass_environment
def start(
    environment: Environment,
    contact_id: str,
    quick_connect: str,
    *,
    no_hold: bool,
    key: str | None,
    as_json: bool,
) -> None:
    """Start a quick connect, by id or name."""
    body = {"quick_connect": quick_connect, "hold": not no_hold}
    with environment.controller() as controller:
        seen = controller.post("contacts", contact_id, "transfer", body=body, key=key or _new_key())
    _show(seen, as_json=as_json)


@transfer.command()
@click.argument("contact_id", metavar="CONTACT")
@json_option
@pass_environment
def show(environment: Environment, contact_id: str, *, as_json: bool) -> None:
    """Show how the latest quick connect of a contact stands."""
    with environment.controller() as controller:
        seen = controller.get("contacts", contact_id, "transfer")
    _show(seen, as_json=as_json)


def _command(verb: Verb, words: str) -> click.Command:
    @click.command(name=verb.value, help=words)
    @click.argument("contact_id", metavar="CONTACT")
    @click.option("--key", help="Carry the request out once, however often it is sent.")
    @json_option
    @pass_environment
    def use(
        environment: Environment,
        contact_id: str,
        *,
        key: str | None,
        as_json: bool,
        party: str | None = None,
    ) -> None:
        body = None if party is None else {"party": party}
        with environment.controller() as controller:
            seen = controller.post(
                "contacts", contact_id, "transfer", verb.value, body=body, key=key or _new_key()
            )
        _show(seen, as_json=as_json)

    if verb is Verb.DROP:
        of = click.option("--party", metavar="ID", help="Part from this party of a conference.")
        use = of(use)
    return use


for _verb, _words in _VERBS.items():
    transfer.add_command(_command(_verb, _words))


def _new_key() -> str:
    return uuid.uuid4().hex


def _show(seen: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(seen)
        return
    show_grid(
        [
            ("Quick connect", f"{seen['quick_connect']} ({seen['type'].lower()})"),
            ("Destination", f"{seen['state']}, {seen['detail']}"),
            ("Agent", seen["agent"] or "none"),
            ("Customer", "on hold" if seen["customer_on_hold"] else "not on hold"),
            ("Possible now", ", ".join(seen["verbs"]) or "nothing"),
            ("Contact", seen["contact_id"]),
            *(("Party", _words_of(party)) for party in seen["parties"]),
        ]
    )


def _words_of(party: Mapping[str, Any]) -> str:
    who = party["agent"] or party["quick_connect"]
    return f"{who}, {party['detail']} ({party['contact_id']})"
