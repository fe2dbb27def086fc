"""``python -m tests.sipp``: play calls against an installation with SIPp, and judge them.

SIPp comes from the host (Debian's package sip-tester; root, because captures are played through a
raw socket) or from the tools image. Callers must come from an address that the site takes for its
trunk, and the trunk must send its calls to ``--customer``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import click

from tests.sipp.program import NoSipp
from tests.sipp.scenes import Check, SceneFailed, callback, full, load, refused, retry
from tests.sipp.site import Account, Place, Site


class _Place(click.ParamType[Place]):
    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        try:
            return value if isinstance(value, Place) else Place.parse(str(value))
        except ValueError:
            self.fail(f"{value!r} is no host:port", param, ctx)


PLACE = _Place()


@click.group(context_settings={"show_default": True})
@click.option("--target", type=PLACE, default="127.0.0.1:5060", help="Where the site takes SIP.")
@click.option("--did", required=True, help="The number to call.")
@click.option("--caller", type=PLACE, default="127.0.0.20:5070", help="Where callers come from.")
@click.option(
    "--customer", type=PLACE, default="127.0.0.20:5060", help="Where the trunk sends calls."
)
@click.option(
    "--keys",
    default="4000:1 3000:{number}# 6000:1",
    help="What a caller presses: milliseconds before, a colon, keys.",
)
@click.option("--caller-id", default="", help="The number that the customer must see.")
@click.option("--agent", default="", help="The agent's account, user:secret.")
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
    agent_phone: Place,
    folder: Path,
) -> None:
    """Play calls against an installation with SIPp, and judge them."""
    user, _, secret = agent.partition(":")
    account = Account(user, secret, agent_phone) if user else None
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


@main.command("load")
@click.option("--callers", default=400)
@click.option("--rate", default=20.0, help="Callers a second.")
@click.option("--prefix", default="202555", help="Their numbers: this and four digits.")
@click.option("--within", default=180.0, help="Seconds until all must be done.")
@click.pass_obj
def load_command(site: Site, callers: int, rate: float, prefix: str, within: float) -> None:
    """Many callers, each keys a number of its own."""
    _play("load", load(site, callers, rate, prefix, within=within))


@main.command("callback")
@click.option("--number", default="2025559876", help="What the caller keys.")
@click.option("--within", default=60.0, help="Seconds until the customer is rung.")
@click.pass_obj
def callback_command(site: Site, number: str, within: float) -> None:
    """A caller leaves a number; the customer is rung once, with the right caller id."""
    _play("callback", callback(site, number, within=within))


@main.command("retry")
@click.option("--number", default="2025555555", help="What the caller keys.")
@click.option("--attempts", default=2, help="As the queue says: 1 and its retries.")
@click.option("--spacing", default=60.0, help="Seconds from attempt to attempt, at least.")
@click.option("--within", default=240.0, help="Seconds to watch for attempts.")
@click.pass_obj
def retry_command(site: Site, number: str, attempts: int, spacing: float, within: float) -> None:
    """The customer does not answer: as many attempts as the queue says, and no more."""
    _play("retry", retry(site, number, attempts, spacing, within=within))


@main.command("codes")
@click.option("--status", "statuses", type=int, multiple=True, default=(404, 486, 503, 603))
@click.option("--prefix", default="202555", help="The numbers: this and four digits.")
@click.option("--watch", default=30.0, help="Seconds to watch for a second INVITE.")
@click.pass_obj
def codes_command(site: Site, statuses: tuple[int, ...], prefix: str, watch: float) -> None:
    """The customer refuses: one INVITE for each code."""
    for place, status in enumerate(statuses):
        _play(f"code {status}", refused(site, f"{prefix}{4000 + place}", status, watch=watch))


@main.command("full")
@click.option("--places", default=2, help="How many the queue takes.")
@click.option("--prefix", default="202555", help="Their numbers: this and four digits.")
@click.option("--within", default=120.0, help="Seconds until all must be done.")
@click.pass_obj
def full_command(site: Site, places: int, prefix: str, within: float) -> None:
    """One caller more than the queue takes gets a fast busy."""
    _play("full", full(site, places, prefix, within=within))


def _play(name: str, scene: Coroutine[None, None, list[Check]]) -> None:
    """Play one scene, print its checks, and fail if one of them does."""
    try:
        checks = asyncio.run(scene)
    except (NoSipp, SceneFailed) as error:
        raise click.ClickException(str(error)) from error
    for check in checks:
        mark = "ok  " if check.passed else "FAIL"
        click.echo(f"{mark} {name}: {check.what}: {check.found}")
    failed = sum(not check.passed for check in checks)
    if failed:
        raise click.ClickException(f"{name}: {failed} of {len(checks)} checks failed")
    click.echo(f"sipp {name}: {len(checks)} checks passed")


if __name__ == "__main__":
    main()
