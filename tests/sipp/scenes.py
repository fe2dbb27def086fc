"""Scenes played with SIPp against an installation, and what must come of them.

Each scene starts the phones that it needs, lets callers key numbers, and judges by what the
customer's phone was really asked: SIPp's own success says nothing about that.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from tests.phones.message import user_of
from tests.sipp.caller import Caller, presses, split, write
from tests.sipp.numbers import numbers
from tests.sipp.program import SCENARIOS, Outcome, Sipp
from tests.sipp.site import Place, Site
from tests.sipp.trace import Traced

RINGS: Final = SCENARIOS / "ring.xml"
REGISTERS: Final = SCENARIOS / "register.xml"
DIALS_CODE: Final = SCENARIOS / "dial_code.xml"
_CONGESTION: Final = "cause=34"
_ANY: Final = 1_000_000
_SHIFT_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so, and what was found."""

    what: str
    passed: bool
    found: str


def _check(what: str, found: object, expected: object) -> Check:
    if found == expected:
        return Check(what, True, f"{found}")
    return Check(what, False, f"{found}, not {expected}")


async def load(site: Site, count: int, rate: float, prefix: str, *, within: float) -> list[Check]:
    """Many callers key a number of their own each; whether it arrived the site's database tells.

    The number keyed is also the one in From, so that the site can compare the two.
    """
    callers = [Caller(number, presses(site.keys, number)) for number in numbers(count, prefix)]
    outcomes = await _call(site, callers, rate, within=within)
    checks = [
        _check("callers who got through", sum(run.created for run in outcomes), count),
        _check("calls that went by the scenario", sum(run.successful for run in outcomes), count),
    ]
    checks += [
        Check("what SIPp complained of", False, "; ".join(run.errors) or f"{run.failures}")
        for run in outcomes
        if not run.is_clean
    ]
    return checks


async def callback(site: Site, number: str, *, within: float) -> list[Check]:
    """A caller leaves a number, the agent accepts, the customer is rung once and answers."""
    scenario = answering(site.folder / "customer", ring_ms=500, talk_ms=8000)
    async with _agent(site), _customer(site, "customer", scenario) as customer:
        await _leave(site, number)
        await customer.wait(lambda outcome: outcome.trace.has_ended(), within=within)
        outcome = customer.outcome()
    calls = outcome.trace.invites()
    return [
        _check("INVITEs at the customer", len(calls), 1),
        _check("calls that the customer answered", len(outcome.trace.received("ACK")), 1),
        *_shown(site, calls),
    ]


async def refused(site: Site, number: str, status: int, *, watch: float) -> list[Check]:
    """The customer refuses with a status code; the site must not dial again at once."""
    scenario = refusing(site.folder / f"refuse-{status}", status)
    async with _agent(site), _customer(site, f"refuse-{status}", scenario) as customer:
        await _leave(site, number)
        calls = await _until_calls(customer, _ANY, within=watch)
    return [_check(f"INVITEs at a customer who refuses with {status}", len(calls), 1)]


async def retry(
    site: Site, number: str, attempts: int, spacing: float, *, within: float
) -> list[Check]:
    """The customer never answers: as many attempts as the queue says, so far apart, no more."""
    async with _agent(site), _customer(site, "retry", RINGS) as customer:
        await _leave(site, number)
        calls = await _until_calls(customer, attempts + 1, within=within)
    gaps = [(later.at - earlier.at).total_seconds() for earlier, later in itertools.pairwise(calls)]
    short = [f"{gap:.1f} s" for gap in gaps if gap < spacing]
    return [
        _check("attempts at a customer who does not answer", len(calls), attempts),
        Check(f"attempts at least {spacing:g} s apart", not short, ", ".join(short) or "all"),
        *_shown(site, calls),
    ]


async def full(
    site: Site, places: int, keys: str, *, patience: float, within: float
) -> list[Check]:
    """One caller more than the queue has places: the last is sent away with a fast busy.

    Args:
        site: The installation.
        places: How many callers the queue takes.
        keys: What a caller presses to wait in it.
        patience: How many seconds a caller then waits; the last must have come by then.
        within: Seconds until all must be done.
    """
    callers = [Caller(number, presses(keys, number)) for number in numbers(places + 1, "202555")]
    (outcome,) = await _call(site, callers, 1.0, within=within, patience=patience, traced=True)
    ends = [traced.message["Reason"] for traced in outcome.trace.received("BYE")]
    congested = sum(_CONGESTION in reason for reason in ends)
    return [
        _check("callers who got through", outcome.successful, places + 1),
        _check("callers sent away as congested", congested, 1),
        _check("callers sent away for another reason", len(ends) - congested, 0),
    ]


def answering(folder: Path, *, ring_ms: int, talk_ms: int) -> Path:
    """Write the scenario of a phone that answers, and hangs up at last."""
    return _fill(folder, "answer.xml", ring=ring_ms, talk=talk_ms)


def refusing(folder: Path, status: int) -> Path:
    """Write the scenario of a customer who refuses with this code."""
    return _fill(folder, "refuse.xml", status=status)


def _fill(folder: Path, name: str, **values: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    template = Template((SCENARIOS / f"{name}.in").read_text())
    path = folder / name
    path.write_text(template.substitute(values))
    return path


def _shown(site: Site, calls: Sequence[Traced]) -> list[Check]:
    if not site.caller_id:
        return []
    seen = [
        (user_of(call.message["From"]), user_of(call.message["P-Asserted-Identity"]))
        for call in calls
    ]
    expected = [(site.caller_id, site.caller_id)] * len(calls)
    return [_check("caller id in From and P-Asserted-Identity", seen, expected)]


def _at(place: Place) -> list[str]:
    return ["-i", place.host, "-mi", place.host, "-p", str(place.port)]


async def _call(
    site: Site,
    callers: Sequence[Caller],
    rate: float,
    *,
    within: float,
    patience: float = 60,
    traced: bool = False,
) -> list[Outcome]:
    """Run the callers, in several SIPps if one cannot hold their keys."""
    running: list[Sipp] = []
    runs = split(callers)
    try:
        for number, part in enumerate(runs):
            folder = site.folder / f"callers-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            files = write(folder, part, patience_ms=round(1000 * patience))
            place = Place(site.caller.host, site.caller.port + 2 * number)
            words = [str(site.target), "-s", site.did, *_at(place), "-inf", str(files.injection)]
            words += ["-m", str(len(part)), "-l", str(len(part))]
            words += ["-r", f"{max(1, round(rate * 10))}", "-rp", f"{10_000 * len(runs)}"]
            sipp = Sipp(folder, files.scenario, words, traced=traced)
            running.append(await sipp.__aenter__())
        return [await sipp.finish(within=within) for sipp in running]
    finally:
        for sipp in running:
            await sipp.__aexit__(None, None, None)


async def _leave(site: Site, number: str) -> None:
    """Let one caller key a number; it must get through."""
    (outcome,) = await _call(site, [Caller(number, presses(site.keys, number))], 1.0, within=120)
    if not outcome.is_clean:
        raise SceneFailed(f"the caller did not get through: {outcome.failures} {outcome.errors}")


@asynccontextmanager
async def _customer(site: Site, name: str, scenario: Path) -> AsyncIterator[Sipp]:
    words = _at(site.customer)
    async with Sipp(site.folder / name, scenario, words, traced=True) as sipp:
        yield sipp


@asynccontextmanager
async def _agent(site: Site) -> AsyncIterator[None]:
    """Register the site's agent, if it has one, and answer every offer."""
    if site.agent is None:
        yield
        return
    account = site.agent
    words = [str(site.target), "-s", account.user, "-au", account.user, "-ap", account.secret]
    words += [*_at(account.phone), "-m", "1"]
    await _one_call(site.folder / "register", REGISTERS, words)
    if account.code:
        code = site.folder / "code"
        await _one_call(code, DIALS_CODE, [*words, "-key", "code", account.code])
    folder = site.folder / "agent"
    scenario = answering(folder, ring_ms=500, talk_ms=_SHIFT_MS)
    async with Sipp(folder, scenario, _at(account.phone)):
        yield


async def _one_call(folder: Path, scenario: Path, words: Sequence[str]) -> None:
    async with Sipp(folder, scenario, words) as sipp:
        outcome = await sipp.finish(within=30)
    if not outcome.is_clean:
        raise SceneFailed(f"{scenario.stem}: {outcome.failures} {outcome.errors}")


class SceneFailed(RuntimeError):
    """A scene could not be played as far as its checks."""


async def _until_calls(customer: Sipp, count: int, *, within: float) -> list[Traced]:
    """The INVITEs of new calls, once there are so many or the time is over."""
    await customer.wait(lambda outcome: len(outcome.trace.invites()) >= count, within=within)
    return customer.outcome().trace.invites()
