"""``ivr contact monitor``: what a supervisor does with somebody else's contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ivr.cli.environment import Environment, pass_environment
from ivr.cli.output import json_option, show_json, show_table
from ivr.domain.monitor import MonitorVerb

_VERBS = {
    MonitorVerb.LISTEN: "Hear the agent and whom the agent hears; nobody notices.",
    MonitorVerb.WHISPER: "Listen, and be heard by the agent alone.",
    MonitorVerb.BARGE: "Talk with everybody in the contact.",
    MonitorVerb.TAKE_OVER: "Become the contact's agent; the agent before is released.",
    MonitorVerb.STOP: "Hang up the supervisor's phone.",
}


@click.group()
def monitor() -> None:
    """Supervise a contact: listen, whisper to the agent, barge in, take over."""


@monitor.command()
@click.argument("contact_id", metavar="CONTACT")
@json_option
@pass_environment
def show(environment: Environment, contact_id: str, *, as_json: bool) -> None:
    """Show who supervises a contact."""
    with environment.controller() as controller:
        seen = controller.get("contacts", contact_id, "monitor")
    _show(seen, as_json=as_json)


def _command(verb: MonitorVerb, words: str) -> click.Command:
    @click.command(name=verb.value, help=words)
    @click.argument("contact_id", metavar="CONTACT")
    @click.argument("supervisor", metavar="SUPERVISOR")
    @json_option
    @pass_environment
    def ask(environment: Environment, contact_id: str, supervisor: str, *, as_json: bool) -> None:
        with environment.controller() as controller:
            seen = controller.post(
                "contacts", contact_id, "monitor", verb.value, body={"supervisor": supervisor}
            )
        _show(seen, as_json=as_json)

    return ask


for _verb, _words in _VERBS.items():
    monitor.add_command(_command(_verb, _words))


def _show(seen: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(seen)
        return
    show_table(
        ("Supervisor", "Does", "Since (UTC)"),
        [(each["supervisor"], each["mode"], each["began_at"][:19]) for each in seen],
        nothing="nobody supervises this contact",
    )
