"""``ivr queue``: what waits where."""

from __future__ import annotations

import click

from ivr.cli.environment import Environment, pass_environment
from ivr.cli.output import duration, json_option, show_json, show_table


@click.group()
def queue() -> None:
    """Queues."""


@queue.command(name="list")
@json_option
@pass_environment
def list_(environment: Environment, *, as_json: bool) -> None:
    """Show calls, callbacks, scheduled callbacks and the oldest of every queue."""
    with environment.controller() as controller:
        queues = controller.get("queues")
    if as_json:
        show_json(queues)
        return
    show_table(
        ("Queue", "Calls", "Callbacks", "Scheduled", "Oldest", "Limit", "State"),
        [
            (
                each["name"],
                each["calls"],
                each["callbacks"],
                each["scheduled"],
                duration(each["oldest_seconds"]),
                each["max_contacts"],
                "enabled" if each["enabled"] else "disabled",
            )
            for each in queues
        ],
        nothing="the site has no queues",
        numbers=("Calls", "Callbacks", "Scheduled", "Oldest", "Limit"),
    )
