"""The scenes of SIPp tell a right site from a wrong one; the site is played by a phone of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.phones import Call, Phone, Recording
from tests.sipp.program import why_missing
from tests.sipp.scenes import Check, callback, full, refused, retry
from tests.sipp.site import Place, Site

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(why_missing()), reason=why_missing()),
]

CALLER_ID = "+18005550199"
CUSTOMER = Place("127.0.0.34", 5098)


def site(phone: Phone, folder: Path) -> Site:
    return Site(
        target=Place(phone.line.host, phone.line.port),
        did="+15550100",
        caller=Place("127.0.0.22", 5072),
        customer=CUSTOMER,
        keys="100:{number}#",
        caller_id=CALLER_ID,
        agent=None,
        folder=folder,
    )


@asynccontextmanager
async def a_site(
    *, dials: int, caller_id: str = CALLER_ID, patience: float = 5
) -> AsyncIterator[Phone]:
    """Takes one number, lets the caller go, and calls the customer so often, for some seconds."""

    async def serve(desk: Phone) -> None:
        call = await desk.answered(within=10)
        await call.heard.until(partial(ends, call), within=10)
        call.hang_up()
        for _ in range(dials):
            dialled = desk.call(f"+1{call.digits[:-1]}", caller_id=caller_id)
            asyncio.get_running_loop().call_later(patience, dialled.hang_up)
            await dialled.ended(within=10)

    async with Phone("site", server=(CUSTOMER.host, CUSTOMER.port)) as desk:
        serving = asyncio.create_task(serve(desk))
        yield desk
        await serving


def ends(call: Call, _: Recording) -> bool:
    return call.digits.endswith("#")


def failed(checks: list[Check]) -> list[str]:
    return [check.what for check in checks if not check.passed]


async def test_a_right_callback_passes(tmp_path: Path) -> None:
    async with a_site(dials=1) as desk:
        checks = await callback(site(desk, tmp_path), "2025559876", within=5)

    assert (failed(checks), len(checks)) == ([], 3)


async def test_a_wrong_caller_id_is_found(tmp_path: Path) -> None:
    async with a_site(dials=1, caller_id="+18005550000") as desk:
        checks = await callback(site(desk, tmp_path), "2025559876", within=5)

    assert failed(checks) == ["caller id in From and P-Asserted-Identity"]


async def test_a_second_dial_after_a_refusal_is_found(tmp_path: Path) -> None:
    async with a_site(dials=2) as desk:
        checks = await refused(site(desk, tmp_path), "2025559876", 603, watch=2)

    assert failed(checks) == ["INVITEs at a customer who refuses with 603"]


async def test_attempts_too_close_together_are_found(tmp_path: Path) -> None:
    async with a_site(dials=2, patience=1) as desk:
        checks = await retry(site(desk, tmp_path), "2025559876", 2, 60, within=4)

    assert failed(checks) == ["attempts at least 60 s apart"]


@asynccontextmanager
async def a_queue(*, places: int) -> AsyncIterator[Phone]:
    """Keeps so many callers waiting and sends the others away."""

    async def serve(desk: Phone) -> None:
        while True:
            call = await desk.answered(within=20)
            await call.heard.until(partial(pressed, call), within=10)
            if len(desk.calls) > places:
                call.hang_up(reason="Q.850;cause=34")

    async with Phone("site") as desk:
        serving = asyncio.create_task(serve(desk))
        yield desk
        serving.cancel()


def pressed(call: Call, _: Recording) -> bool:
    return call.digits == "2"


async def test_a_full_queue_that_sends_the_last_away_passes(tmp_path: Path) -> None:
    async with a_queue(places=1) as desk:
        checks = await full(site(desk, tmp_path), 1, "100:2", patience=3, within=15)

    assert failed(checks) == []


async def test_a_queue_that_takes_too_many_is_found(tmp_path: Path) -> None:
    async with a_queue(places=2) as desk:
        checks = await full(site(desk, tmp_path), 1, "100:2", patience=3, within=15)

    assert failed(checks) == ["callers sent away as congested"]
