"""``ivr agent``: who is there, and with what status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ivr.cli.environment import Environment, pass_environment
from ivr.cli.failures import Refused
from ivr.cli.output import duration, json_option, show, show_json, show_table


@click.group()
def agent() -> None:
    """Agents and their statuses."""


@agent.command(name="list")
@json_option
@pass_environment
def list_(environment: Environment, *, as_json: bool) -> None:
    """Show every agent with status, activity and phone."""
    with environment.controller() as controller:
        agents = controller.get("agents")
    if as_json:
        show_json(agents)
        return
    show_table(
        ("Agent", "Id", "Status", "Activity", "For", "Phone", "Contact"),
        [
            (
                each["name"],
                each["id"],
                _status(each),
                each["activity"].replace("_", " "),
                duration(each["since_seconds"]),
                each["phone"],
                each["contact_id"],
            )
            for each in agents
        ],
        nothing="the site has no agents",
        numbers=("For",),
    )


@agent.command()
@click.argument("who", metavar="AGENT")
@click.argument("status", metavar="STATUS")
@json_option
@pass_environment
def status(environment: Environment, who: str, status: str, *, as_json: bool) -> None:
    """Choose a status for an agent, who is named by id or name.

    During a contact it becomes the next status.
    """
    with environment.controller() as controller:
        agents = controller.get("agents")
        wanted = who.casefold()
        found = next(
            (each for each in agents if wanted in (each["id"], each["name"].casefold())), None
        )
        if found is None:
            known = ", ".join(each["id"] for each in agents) or "none"
            message = f"there is no agent {who!r}; there are: {known}"
            raise Refused(message)
        (row,) = controller.post("agents", found["id"], "status", body={"status": status})
    if as_json:
        show_json(row)
    else:
        show(f"{row['name']}: {_status(row)}")


def _status(row: Mapping[str, Any]) -> str:
    following = row["next_status"]
    return f"{row['status']}, then {following}" if following else str(row["status"])
