"""``python -m tests.sipp``: play calls against an installation with SIPp, and judge them.

SIPp comes from the host (Debian's package sip-tester; root, because captures are played through a
raw socket) or from the tools image. Without a command everything is played against an installation
of its own, the sample site on loopback. With one, it is played against ``--target``: callers must
come from an address that the site takes for its trunk, and the trunk must send its calls to
``--customer``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path

import click

from tests.sipp.caller import SAMPLE_KEYS, SAMPLE_WAIT_KEYS
from tests.sipp.program import NoSipp
from tests.sipp.sample import play
from tests.sipp.scenes import Check, SceneFailed, callback, full, load, refused, retry
from tests.sipp.site import Account, Place, Site


class PlaceType(click.ParamType[Place]):
    """An option that is an address and port."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        """Read the option's text."""
        try:
            return value if isinstance(value, Place) else Place.parse(str(value))
        except ValueError:
            self.fail(f"{value!r} is no host:port", param, ctx)


PLACE = PlaceType()


@click.group(invoke_without_command=True, context_settings={"show_default": True})
@click.option("--target", type=PLACE, default="127.0.0.1:5060", help="Where the site takes SIP.")
@click.option("--did", default="+12025550100", help="The number to call.")
@click.option("--caller", type=PLACE, default="127.0.0.2:5072", help="Where callers come from.")
@click.option("--customer", type=PLACE, default="127.0.0.2:5070", help="Where the trunk calls.")
@click.option(
    "--keys",
    default=SAMPLE_KEYS,
    help="What a caller presses: milliseconds before, a colon, keys.",
)
@click.option("--caller-id", default="", help="The number that the customer must see.")
@click.option("--agent", default="", help="The agent's account, user:secret.")
@click.option("--agent-code", default="", help="The code that makes the agent available.")
@click.option("--agent-phone", type=PLACE, default="127.0.0.1:5080", help="The agent's address.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("build/sipp"), help="For its files."
)
@click.pass_context
def main(
    context: click.Context,
    target: Place,
    did: str,
    caller: Place,
    customer: Place,
    keys: str,
    caller_id: str,
    agent: str,
    agent_code: str,
    agent_phone: Place,
    folder: Path,
) -> None:
    """Play calls against an installation with SIPp, and judge them.

    Without a command: everything, against the sample site on loopback, which is started for it.
    """
    user, _, secret = agent.partition(":")
    account = Account(user, secret, agent_phone, agent_code) if user else None
    context.obj = Site(
        target=target,
        did=did,
        caller=caller,
        customer=customer,
        keys=keys,
        caller_id=caller_id,
        agent=account,
        folder=folder.resolve(),
    )
    if context.invoked_subcommand is None:
        _run(_sample(folder.resolve()))


@main.command("load")
@click.option("--callers", default=400)
@click.option("--rate", default=20.0, help="Callers a second.")
@click.option("--prefix", default="202557", help="Their numbers: this and four digits.")
@click.option("--within", default=180.0, help="Seconds until all must be done.")
@click.pass_obj
def load_command(site: Site, callers: int, rate: float, prefix: str, within: float) -> None:
    """Many callers, each keys a number of its own."""
    _run(_one("load", load(site, callers, rate, prefix, within=within)))


@main.command("callback")
@click.option("--number", default="2025550176", help="What the caller keys.")
@click.option("--within", default=60.0, help="Seconds until the customer has answered.")
@click.pass_obj
def callback_command(site: Site, number: str, within: float) -> None:
    """A caller leaves a number; the customer is rung once, with the right caller id."""
    _run(_one("callback", callback(site, number, within=within)))


@main.command("retry")
@click.option("--number", default="2025550180", help="What the caller keys.")
@click.option("--attempts", default=3, help="As the flow says: 1 and its retries.")
@click.option("--spacing", default=60.0, help="Seconds from attempt to attempt, at least.")
@click.option("--within", default=420.0, help="Seconds to watch for attempts.")
@click.pass_obj
def retry_command(site: Site, number: str, attempts: int, spacing: float, within: float) -> None:
    """The customer does not answer: as many attempts as the flow says, and no more."""
    _run(_one("retry", retry(site, number, attempts, spacing, within=within)))


@main.command("codes")
@click.option("--status", "statuses", type=int, multiple=True, default=(404, 486, 603))
@click.option("--prefix", default="202555018", help="The numbers: this and a digit.")
@click.option("--watch", default=30.0, help="Seconds to watch for a second INVITE.")
@click.pass_obj
def codes_command(site: Site, statuses: Sequence[int], prefix: str, watch: float) -> None:
    """The customer refuses with a code that is not dialled again: one INVITE for each."""
    for place, status in enumerate(statuses):
        _run(_one(f"code {status}", refused(site, f"{prefix}{place}", status, watch=watch)))


@main.command("full")
@click.option("--places", default=20, help="How many callers the queue takes.")
@click.option("--wait-keys", default=SAMPLE_WAIT_KEYS, help="What a caller presses to wait in it.")
@click.option("--patience", default=30.0, help="Seconds that a caller waits in it.")
@click.option("--within", default=120.0, help="Seconds until all must be done.")
@click.pass_obj
def full_command(site: Site, places: int, wait_keys: str, patience: float, within: float) -> None:
    """One caller more than the queue takes gets a fast busy."""
    _run(_one("full", full(site, places, wait_keys, patience=patience, within=within)))


async def _one(name: str, scene: Coroutine[None, None, list[Check]]) -> list[Check]:
    checks = await scene
    _print(name, checks)
    return checks


async def _sample(folder: Path) -> list[Check]:
    done: list[Check] = []
    async for name, checks in play(folder, callers=400, rate=20.0):
        _print(name, checks)
        done += checks
    return done


def _print(name: str, checks: Sequence[Check]) -> None:
    for check in checks:
        click.echo(f"{'ok  ' if check.passed else 'FAIL'} {name}: {check.what}: {check.found}")


def _run(scenes: Coroutine[None, None, list[Check]]) -> None:
    """Play scenes to their end, and fail if one of their checks does."""
    try:
        checks = asyncio.run(scenes)
    except (NoSipp, SceneFailed) as error:
        raise click.ClickException(str(error)) from error
    failed = sum(not check.passed for check in checks)
    if failed:
        raise click.ClickException(f"{failed} of {len(checks)} checks failed")
    click.echo(f"sipp: {len(checks)} checks passed")


if __name__ == "__main__":
    main()
