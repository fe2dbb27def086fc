"""An independent SIP stack and our own phone understand each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import pytest_asyncio

from tests.phones import (
    Answer,
    BaresipPhone,
    Ignore,
    Phone,
    Recording,
    Reject,
    Ring,
    Stack,
    tone,
)

pytestmark = pytest.mark.integration


def hears(hertz: int, seconds: float = 0.4) -> Callable[[Recording], bool]:
    """The latest part of a recording is this tone and little else (one bin of a DFT)."""

    def condition(recording: Recording) -> bool:
        sound = recording.pcm[-int(seconds * recording.rate) :].astype(np.float64)
        if len(sound) < seconds * recording.rate:
            return False
        wave_form = np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / recording.rate)
        found = 2 * abs(np.dot(sound, wave_form)) ** 2 / len(sound)
        return float(found) > 0.9 * float(np.sum(sound**2)) > 0.0

    return condition


@pytest_asyncio.fixture
async def far() -> AsyncIterator[Phone]:
    async with Phone("far", number="+15551230001", says=tone(700)) as phone:
        yield phone


@pytest_asyncio.fixture
async def near(far: Phone) -> AsyncIterator[BaresipPhone]:
    server = (far.line.host, far.line.port)
    async with (
        Stack() as stack,
        await stack.phone("near", number="1001", server=server, says=tone(1100)) as phone,
    ):
        yield phone


async def address_of(near: BaresipPhone, far: Phone) -> tuple[str, int]:
    """Where baresip listens, as its own INVITE tells."""
    call = near.call(far.number)
    await call.answered(within=3)
    call.hang_up()
    await call.ended(within=3)
    return far.invites[0].source


async def test_both_hear_each_other_and_keys_pass_both_ways(near: BaresipPhone, far: Phone) -> None:
    call = near.call(far.number, headers={"X-Contact-Id": "k1"})
    answered = await far.answered(within=3)
    await call.answered(within=3)

    await asyncio.gather(call.press("1998#"), answered.press("50*"))

    assert far.invites[0].header("X-Contact-Id") == "k1"
    await answered.heard.until(lambda _: answered.digits == "1998#", within=2)
    await call.heard.until(lambda _: call.digits == "50*", within=2)
    await call.heard.until(hears(700), within=3)
    await answered.heard.until(hears(1100), within=3)


async def test_a_call_to_baresip_rings_and_is_answered_after_a_while(
    near: BaresipPhone, far: Phone
) -> None:
    far.server = await address_of(near, far)
    near.will(Answer(after=0.2))

    call = far.call("1001", caller_id="+18005550199", caller_name="Acme")
    rung = await near.ringing(within=3)
    await call.answered(within=3)

    assert rung.invite is not None
    assert (rung.invite.caller_name, rung.invite.caller_number) == ("Acme", "+18005550199")
    assert rung.invite.asserted_number == "+18005550199"
    assert call.answered_at - call.rang_at == pytest.approx(0.2, abs=0.15)


async def test_baresip_rejects_with_busy_and_notices_a_cancel(
    near: BaresipPhone, far: Phone
) -> None:
    far.server = await address_of(near, far)
    near.will(Reject(), Ring())

    rejected = far.call("1001")
    await rejected.ended(within=3)
    given_up = far.call("1001")
    await given_up.ringing(within=3)
    given_up.hang_up()
    await given_up.ended(within=3)

    for _ in range(3):  # the first is the call that told the address
        last = await near.ended(within=3)
    assert (rejected.status, given_up.status, last.cancelled) == (486, 487, True)


async def test_a_refused_call_of_baresip_ends_with_its_code(near: BaresipPhone, far: Phone) -> None:
    far.will(Reject(404))

    call = near.call(far.number)
    await call.ended(within=3)

    assert (call.status, call.answered_at) == (404, 0.0)


async def test_hold_by_baresip_is_answered(near: BaresipPhone, far: Phone) -> None:
    call = near.call(far.number)
    await call.answered(within=3)

    await call.hold()
    await call.resume()

    await call.heard.until(hears(700), within=3)


@pytest.mark.parametrize("policy", [Ignore(), Reject(603), Ring(183)])
async def test_what_baresip_cannot_do_is_refused(
    near: BaresipPhone, policy: Ignore | Reject | Ring
) -> None:
    with pytest.raises(ValueError, match="a Phone does the rest"):
        near.will(policy)
