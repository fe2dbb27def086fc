"""``ivr callback``: who waits to be called back, and stopping it."""

from __future__ import annotations

import click

from ivr.cli.environment import Environment, pass_environment
from ivr.cli.failures import Refused
from ivr.cli.output import duration, json_option, show, show_json, show_table


@click.group()
def callback() -> None:
    """Callbacks that wait."""


@callback.command(name="list")
@json_option
@pass_environment
def list_(environment: Environment, *, as_json: bool) -> None:
    """Show every open callback, in order of place."""
    with environment.controller() as controller:
        callbacks = controller.get("callbacks")
    if as_json:
        show_json(callbacks)
        return
    show_table(
        ("Id", "Number", "Queue", "Place", "State", "Attempts", "Due in", "Waiting", "Expires in"),
        [
            (
                each["id"],
                each["number"],
                each["queue"],
                each["place"],
                each["state"].replace("_", " "),
                f"{each['attempts_used']} of {each['attempts_allowed']}",
                duration(each["due_in_seconds"]) if each["due_in_seconds"] > 0 else None,
                duration(each["waiting_seconds"]),
                duration(each["expires_in_seconds"]),
            )
            for each in callbacks
        ],
        nothing="nobody waits to be called back",
        numbers=("Place", "Attempts", "Due in", "Waiting", "Expires in"),
    )


@callback.command()
@click.argument("contact_id", metavar="ID")
@json_option
@pass_environment
def stop(environment: Environment, contact_id: str, *, as_json: bool) -> None:
    """End a callback: once this is done, nothing is dialled for it any more."""
    stop_one(environment, "callbacks", contact_id, as_json=as_json)


def stop_one(environment: Environment, kind: str, contact_id: str, *, as_json: bool) -> None:
    """End a contact of this kind, ``callbacks`` or ``contacts``.

    Raises:
        Refused: It is over already.
    """
    with environment.controller() as controller:
        answer = controller.post(kind, contact_id, "stop")
    if as_json:
        show_json(answer)
    if not answer["stopped"]:
        message = f"{contact_id}: is over already; nothing was stopped"
        raise Refused(message)
    if not as_json:
        show(f"{contact_id}: stopped")
