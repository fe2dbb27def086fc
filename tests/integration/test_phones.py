"""The test phones against each other on loopback: what other tests rely on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from tests.phones import (
    Answer,
    CallFailed,
    CallState,
    DeadlineMissed,
    Ignore,
    Line,
    Phone,
    Recording,
    Reject,
    Ring,
    tone,
    wav,
)
from tests.phones.message import user_of
from tests.phones.registrar import Registrar

pytestmark = pytest.mark.integration


def level(sound: NDArray[np.int16], hertz: int) -> float:
    """The share of the power that a tone holds, 0 to 1 (one bin of a DFT)."""
    wave_form = np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / 8000)
    power = float(np.sum(sound.astype(np.float64) ** 2)) or 1.0
    return float(2 * abs(np.dot(sound, wave_form)) ** 2 / len(sound) / power)


def holds(hertz: int, seconds: float) -> Callable[[Recording], bool]:
    def condition(recording: Recording) -> bool:
        latest = recording.pcm[-int(seconds * 8000) :]
        return len(latest) >= seconds * 8000 and level(latest, hertz) > 0.95

    return condition


@pytest_asyncio.fixture
async def customer() -> AsyncIterator[Phone]:
    async with Phone("customer", number="+15551230001", says=tone(700)) as phone:
        yield phone


@pytest_asyncio.fixture
async def caller(customer: Phone) -> AsyncIterator[Phone]:
    server = (customer.line.host, customer.line.port)
    async with Phone("caller", number="+15557654321", says=tone(1100), server=server) as phone:
        yield phone


async def test_both_hear_the_tone_of_the_other(customer: Phone, caller: Phone) -> None:
    call = caller.call("+15551230001")

    answered = await customer.answered(within=2)

    await call.heard.until(holds(700, 0.5), within=3)
    await answered.heard.until(holds(1100, 0.5), within=3)


async def test_what_was_heard_stands_at_its_time(customer: Phone, caller: Phone) -> None:
    call = caller.call("+15551230001")
    answered = await customer.answered(within=2)
    await answered.heard.until(lambda heard: heard.seconds > 0.4, within=3)

    changed = time.monotonic()
    call.say(tone(1900))
    await answered.heard.until(holds(1900, 0.4), within=3)

    assert level(answered.heard.between(changed - 0.25, changed - 0.05), 1100) > 0.95
    assert level(answered.heard.between(changed + 0.05, changed + 0.25), 1900) > 0.95


async def test_keys_arrive_in_order_with_repeats(customer: Phone, caller: Phone) -> None:
    call = caller.call("+15551230001")
    answered = await customer.answered(within=2)

    await call.press("99851#")

    assert answered.digits == "99851#"
    assert answered.keys[1].at - answered.keys[0].at == pytest.approx(0.18, abs=0.1)


async def test_the_invite_shows_names_numbers_and_headers(customer: Phone, caller: Phone) -> None:
    call = caller.call(
        "+15551230001",
        caller_id="+18005550199",
        caller_name="Acme",
        headers={"X-Contact-Id": "k1"},
    )
    await call.answered(within=2)

    (invite,) = customer.invites
    assert invite.dialled == "+15551230001"
    assert (invite.caller_name, invite.caller_number) == ("Acme", "+18005550199")
    assert (invite.asserted_name, invite.asserted_number) == ("Acme", "+18005550199")
    assert invite.header("X-Contact-Id") == "k1"


async def test_a_withheld_caller_shows_no_number(customer: Phone, caller: Phone) -> None:
    await caller.call("+15551230001", withheld=True).answered(within=2)

    (invite,) = customer.invites
    assert (invite.caller_number, invite.asserted_number) == ("anonymous", "")
    assert invite.header("Privacy") == "id"


@pytest.mark.parametrize("status", [302, 403, 404, 408, 480, 486, 500, 503, 600, 603])
async def test_a_refused_call_ends_with_its_code(
    customer: Phone, caller: Phone, status: int
) -> None:
    customer.will(Reject(status))

    call = caller.call("+15551230001")
    await call.ended(within=2)

    assert (call.status, call.rang_at) == (status, 0.0)
    with pytest.raises(CallFailed):
        await call.answered(within=1)


async def test_policies_are_used_one_by_one(customer: Phone, caller: Phone) -> None:
    customer.will(Reject(486, after=0.1), Answer(after=0.1))

    first = caller.call("+15551230001")
    await first.ended(within=2)
    second = caller.call("+15551230001")
    await second.answered(within=2)

    assert (first.status, bool(first.rang_at)) == (486, True)
    assert second.answered_at - second.rang_at == pytest.approx(0.1, abs=0.09)


async def test_an_ignored_invite_is_repeated_but_counts_once(
    customer: Phone, caller: Phone
) -> None:
    customer.will(Ignore())

    call = caller.call("+15551230001")
    with pytest.raises(DeadlineMissed, match="caller: new"):
        await call.ringing(within=0.7)

    (invite,) = customer.invites
    assert invite.copies == 2


async def test_a_caller_who_gives_up_is_seen_as_cancelled(customer: Phone, caller: Phone) -> None:
    customer.will(Ring())
    call = caller.call("+15551230001")
    rung = await customer.ringing(within=2)

    call.hang_up()
    await customer.ended(within=2)
    await call.ended(within=2)

    assert (rung.cancelled, rung.ended_by_us, call.status) == (True, False, 487)


async def test_the_far_end_hangs_up(customer: Phone, caller: Phone) -> None:
    call = caller.call("+15551230001")
    answered = await customer.answered(within=2)

    answered.hang_up()
    await call.ended(within=2)

    assert (call.ended_by_us, answered.ended_by_us) == (False, True)


async def test_early_media_is_heard_before_the_answer(customer: Phone, caller: Phone) -> None:
    customer.will(Ring(183))

    call = caller.call("+15551230001")

    await call.heard.until(holds(700, 0.3), within=3)
    assert call.state is CallState.RINGING


async def test_hold_and_resume_are_accepted(customer: Phone, caller: Phone) -> None:
    call = caller.call("+15551230001")
    answered = await customer.answered(within=2)

    await call.hold()
    await call.resume()
    call.hang_up()

    await answered.ended(within=2)
    offers = [message.body for message in customer.line.requests if message.method == "INVITE"]
    assert [("sendonly" in body) for body in offers] == [False, True, False]


async def test_a_line_serves_several_numbers_and_refuses_others() -> None:
    async with (
        Line("127.0.0.30") as line,
        Phone("first", number="+15551230001", line=line) as first,
        Phone("second", number="15551230002", line=line) as second,
        Phone("caller", address=("127.0.0.31", 0), server=(line.host, line.port)) as caller,
    ):
        await caller.call("+15551230002").answered(within=2)
        unknown = caller.call("+15551230003")
        await unknown.ended(within=2)

        assert (len(first.invites), len(second.invites)) == (0, 1)
        assert unknown.status == 404
        assert [invite.dialled for invite in line.invites] == ["+15551230002", "+15551230003"]


async def test_a_refer_names_its_target(customer: Phone, caller: Phone) -> None:
    call = caller.call("+15551230001")
    await call.answered(within=2)

    status = await call.refer("*8500")

    (asked,) = [message for message in customer.line.requests if message.method == "REFER"]
    assert (status, user_of(asked["Refer-To"])) == (200, "*8500")


async def test_a_recording_is_saved_and_said_again(
    customer: Phone, caller: Phone, tmp_path: Path
) -> None:
    call = caller.call("+15551230001")
    await call.heard.until(holds(700, 0.5), within=3)
    call.heard.save(tmp_path / "heard.wav")

    again = wav(tmp_path / "heard.wav")

    assert len(again.pcm) >= 4000
    assert level(again.pcm[-4000:], 700) > 0.9


async def test_a_phone_registers_by_digest_and_unregisters() -> None:
    registrar = Registrar(user="1001", secret="right")
    server = (registrar.host, registrar.port)
    async with Phone("agent", number="1001", secret="right", server=server) as phone:
        await phone.register(within=2)
        await phone.unregister(within=2)

    assert [contact.rpartition("=")[2] for contact in registrar.registered] == ["3600", "0"]
    registrar.close()


async def test_a_wrong_secret_is_refused() -> None:
    registrar = Registrar(user="1001", secret="right")
    server = (registrar.host, registrar.port)
    async with Phone("agent", number="1001", secret="wrong", server=server) as phone:
        with pytest.raises(DeadlineMissed, match="403"):
            await phone.register(within=2)
    registrar.close()
