"""``ivr run``, ``ivr provision`` and ``ivr doctor``: the controller and what it stands on."""

from __future__ import annotations

import click

from ivr.cli.environment import Environment, finish, pass_environment
from ivr.cli.output import json_option, show, show_json, show_table


@click.command()
@pass_environment
def run(environment: Environment) -> None:
    """Run the controller until it is stopped."""
    settings = environment.read()
    from ivr import bootstrap

    bootstrap.run_controller(settings)


@click.command()
@json_option
@pass_environment
def provision(environment: Environment, *, as_json: bool) -> None:
    """Write secrets, shipped sounds and the switch's files.

    Needs neither a site nor a running controller; what is there already stays as it is.
    """
    settings = environment.read()
    from ivr import bootstrap

    changed = finish(bootstrap.provision(settings))
    if as_json:
        show_json({"changed": list(changed)})
    elif changed:
        for name in changed:
            show(f"written: {name}")
    else:
        show("everything is there already")


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Say what is wrong with this installation, in words; exits with 1 if there is a fault."""
    settings = context.ensure_object(Environment).read()
    from ivr import bootstrap

    findings = finish(bootstrap.doctor(settings))
    healthy = all(finding.level != "fault" for finding in findings)
    if as_json:
        show_json(
            {
                "ok": healthy,
                "findings": [
                    {"level": each.level, "subject": each.subject, "message": each.message}
                    for each in findings
                ],
            }
        )
    else:
        show_table(
            ("", "What", "How it is"),
            [(each.level, each.subject, each.message) for each in findings],
            nothing="nothing was looked at",
        )
    if not healthy:
        context.exit(1)
