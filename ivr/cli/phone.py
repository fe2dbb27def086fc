"""``ivr phone``: the SIP accounts of the site."""

from __future__ import annotations

import click

from ivr.cli.environment import Environment, finish, pass_environment
from ivr.cli.output import json_option, show_json, show_table


@click.group()
def phone() -> None:
    """Phones of agents and callers."""


@phone.command(name="list")
@json_option
@pass_environment
def list_(environment: Environment, *, as_json: bool) -> None:
    """Show what each phone logs in with, its secret included: treat the output as one."""
    settings = environment.read()
    from ivr import bootstrap

    phones = finish(bootstrap.phones(settings))
    if as_json:
        show_json(
            [
                {
                    "kind": each.kind,
                    "name": each.name,
                    "endpoint": each.endpoint,
                    "secret": each.secret.get_secret_value(),
                    "number": each.number,
                    "server": each.server,
                }
                for each in phones
            ]
        )
        return
    show_table(
        ("Whose", "Name", "User name", "Password", "Number", "Server"),
        [
            (
                each.kind,
                each.name,
                each.endpoint,
                each.secret.get_secret_value(),
                each.number,
                each.server,
            )
            for each in phones
        ],
        nothing="the site has no phones",
    )
