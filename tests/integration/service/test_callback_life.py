"""A queued callback from the keypad to the last word, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.callback import CallbackResult, FailureReason
from ivr.domain.contact import ContactState, DisconnectReason
from ivr.domain.ids import ContactId
from tests.centre import (
    ANNA,
    ANNAS_PHONE,
    BEN,
    BENS_PHONE,
    INTERNATIONAL,
    LOCAL,
    Centre,
    running_centre,
)
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

CUSTOMER = "+12025550199"


def play(folder: Path, scene: Callable[[Centre], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder, **how) as centre:
            await scene(centre)

    run_virtual(main())


def test_a_customer_who_hung_up_is_called_back_and_joined(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=2)
        customer = centre.switch.customer(CUSTOMER).answers(after=3)

        asked = await centre.asks_for_callback("2025550199")
        contact, callback = await centre.one_callback()
        assert "say:We will call you back. You keep your place in line. Goodbye." in asked.heard
        assert callback.number == CUSTOMER

        await centre.becomes(ANNA)
        await centre.until(lambda: centre.switch.talking(contact.id))
        assert len(centre.switch.talking(contact.id)) == 2
        assert await centre.is_doing(ANNA, AgentActivity.ON_CONTACT)
        assert customer.heard == ["say:Hello. This is the call that you asked for."]
        assert centre.switch.phone(ANNAS_PHONE).heard[0] == "say:This one is for Callbacks."
        (order,) = customer.calls
        assert order.caller_number == LOCAL

        customer.hang_up()
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.AFTER_CONTACT_WORK))
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.IDLE))
        contact, callback = await centre.one_callback()
        assert callback.result is CallbackResult.COMPLETED
        assert contact.state is ContactState.ENDED
        assert contact.disconnect_reason is DisconnectReason.CUSTOMER_DISCONNECT

    play(tmp_path, scene)


def test_b7_an_unanswered_attempt_is_retried_at_its_place_and_not_too_soon(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).rings()
        customer.then().answers(after=1)
        await centre.asks_for_callback("2025550199")
        await centre.becomes(ANNA)

        await centre.until(lambda: len(customer.calls) == 1)
        contact, _ = await centre.one_callback()
        await centre.until(lambda: _is(centre, contact.id, ContactState.WAITING_FOR_RETRY))
        ended_at = centre.now()
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.IDLE))
        assert "not-answered" in centre.switch.phone(ANNAS_PHONE).heard

        await centre.until(lambda: len(customer.calls) == 2)
        assert (centre.now() - ended_at).total_seconds() >= 60
        await centre.until(lambda: len(centre.switch.talking(contact.id)) == 2)
        again, callback = await centre.one_callback()
        assert again.place_at == contact.place_at
        assert callback.attempts_used == 2

    play(tmp_path, scene)


def test_b7_after_the_last_attempt_the_callback_has_failed(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).rings()
        await centre.asks_for_callback("2025550199")
        await centre.becomes(ANNA)

        contact, _ = await centre.one_callback()
        await centre.until(lambda: _is(centre, contact.id, ContactState.ENDED))

        _, callback = await centre.one_callback()
        assert callback.result is CallbackResult.FAILED
        assert callback.failure is FailureReason.ATTEMPTS_USED
        assert len(customer.calls) == 3

    play(tmp_path, scene)


def test_b5_a_missed_offer_uses_no_attempt_and_goes_to_the_next_agent(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).rings()
        centre.switch.phone(BENS_PHONE).answers(after=1)
        centre.switch.customer(CUSTOMER).answers(after=1)
        await centre.asks_for_callback("2025550199")
        contact, _ = await centre.one_callback()
        await centre.becomes(ANNA)
        await centre.until(lambda: _is(centre, contact.id, ContactState.OFFERED))
        await centre.becomes(BEN)

        await centre.until(lambda: len(centre.switch.talking(contact.id)) == 2)

        contact, callback = await centre.one_callback()
        assert contact.agent_id == BEN
        assert contact.agent_attempts == 2
        assert callback.attempts_used == 1
        assert await centre.is_doing(ANNA, AgentActivity.MISSED)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        ("is_busy", FailureReason.BUSY),
        ("rejects", FailureReason.REJECTED),
        ("does_not_exist", FailureReason.INVALID),
    ],
)
def test_b7_busy_rejected_and_invalid_are_not_retried(
    tmp_path: Path, behaviour: str, failure: FailureReason
) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        getattr(centre.switch.customer(CUSTOMER), behaviour)()
        await centre.asks_for_callback("2025550199")
        await centre.becomes(ANNA)

        contact, _ = await centre.one_callback()
        await centre.until(lambda: _is(centre, contact.id, ContactState.ENDED))

        _, callback = await centre.one_callback()
        assert callback.failure is failure
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.IDLE))

    play(tmp_path, scene)


def test_b9_a_stop_while_the_phone_rings_takes_the_call_back(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).rings()
        await centre.asks_for_callback("2025550199")
        await centre.becomes(ANNA)
        await centre.until(lambda: customer.leg is not None)
        contact, _ = await centre.one_callback()

        assert await centre.centre.callbacks.stop(contact.id, by="test")

        await centre.until(lambda: customer.leg is None, within=2)
        _, callback = await centre.one_callback()
        assert callback.result is CallbackResult.STOPPED
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.IDLE))
        assert len(customer.calls) == 1

    play(tmp_path, scene)


def test_b9_a_callback_expires_after_seven_days(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        await centre.asks_for_callback("2025550199")
        contact, callback = await centre.one_callback()

        await centre.passes((callback.expires_at - centre.now()).total_seconds() - 1)
        assert await centre.the_state(contact.id) is ContactState.QUEUED
        await centre.passes(2)

        _, callback = await centre.one_callback()
        assert callback.result is CallbackResult.EXPIRED
        assert await centre.the_state(contact.id) is ContactState.ENDED

    play(tmp_path, scene, sweep=timedelta(days=1))


def test_b13_the_agent_hangs_up_while_the_phone_rings(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        anna = centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).rings()
        await centre.asks_for_callback("2025550199")
        await centre.becomes(ANNA)
        await centre.until(lambda: customer.leg is not None)
        await centre.passes(1)

        anna.hang_up()

        contact, _ = await centre.one_callback()
        await centre.until(lambda: _is(centre, contact.id, ContactState.WAITING_FOR_RETRY))
        _, callback = await centre.one_callback()
        assert callback.attempts_used == 1
        await centre.until(lambda: customer.leg is None)
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.IDLE))

    play(tmp_path, scene)


def test_b13_the_customer_hangs_up_in_the_outbound_whisper(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).answers(after=1, leaves_after=0.3)
        await centre.asks_for_callback("2025550199")
        await centre.becomes(ANNA)
        contact, _ = await centre.one_callback()

        await centre.until(lambda: _is(centre, contact.id, ContactState.ENDED))

        _, callback = await centre.one_callback()
        assert callback.result is CallbackResult.FAILED
        assert callback.failure is FailureReason.CUSTOMER_HUNG_UP
        assert callback.attempts_used == 1
        assert await centre.is_doing(ANNA, AgentActivity.ERROR)
        assert len(customer.calls) == 1

    play(tmp_path, scene)


def test_b19_a_failure_of_our_own_is_no_attempt(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).is_out_of_order()
        customer.then().answers(after=1)
        await centre.asks_for_callback("2025550199")
        await centre.becomes(ANNA)
        contact, _ = await centre.one_callback()

        await centre.until(lambda: len(centre.switch.talking(contact.id)) == 2)

        _, callback = await centre.one_callback()
        assert callback.attempts_used == 1
        assert len(customer.calls) == 2

    play(tmp_path, scene)


def test_b20_no_dial_while_the_number_is_in_a_live_contact(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        await centre.asks_for_callback("2025550199")
        contact, _ = await centre.one_callback()
        back = centre.switch.dials(INTERNATIONAL, caller=CUSTOMER)
        await centre.until(lambda: back.heard)

        await centre.becomes(ANNA)
        await centre.passes(2)
        assert await centre.the_state(contact.id) in (ContactState.SCHEDULED, ContactState.QUEUED)

        centre.switch.customer(CUSTOMER).answers(after=1)
        back.hang_up()
        await centre.until(lambda: len(centre.switch.talking(contact.id)) == 2)

    play(tmp_path, scene)


def test_d2_a_waiting_caller_is_joined_after_both_whispers(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        anna = centre.switch.phone(ANNAS_PHONE).answers(after=1)
        caller = centre.switch.dials(LOCAL, caller="+12025550160").will_press("2")
        await centre.until(lambda: "hold-music" in caller.heard)
        (contact,) = await centre.contacts()

        await centre.becomes(ANNA)
        await centre.until(lambda: len(centre.switch.talking(contact.id)) == 2)

        assert anna.heard == ["say:This one is for Sales.", *anna.heard[1:]]
        assert caller.heard[-1] == "say:You are being connected."
        anna.hang_up()
        await centre.until(lambda: _is(centre, contact.id, ContactState.ENDED))
        await centre.until(lambda: caller.leg is None)
        (contact,) = await centre.contacts()
        assert contact.disconnect_reason is DisconnectReason.AGENT_DISCONNECT

    play(tmp_path, scene)


def test_b11_a_full_queue_refuses_the_callback_and_then_the_call(tmp_path: Path) -> None:
    def full(site: dict[str, Any]) -> None:
        for queue in site["queues"]:
            queue["max_contacts"] = 1

    async def scene(centre: Centre) -> None:
        await centre.asks_for_callback("2025550199")
        first = centre.switch.dials(LOCAL, caller="+12025550161").will_press("2")
        await centre.until(lambda: "hold-music" in first.heard)

        second = centre.switch.dials(LOCAL, caller="+12025550162")
        second.will_press("1", "2", "2025550198#", "1")
        await centre.until(lambda: second.leg is None)

        assert "say:We cannot call you back at the moment." in second.heard
        assert second.heard[-1] == "reorder"
        assert len(await centre.callbacks()) == 1

    play(tmp_path, scene, change=full)


async def _is(centre: Centre, contact_id: ContactId, state: ContactState) -> bool:
    return await centre.the_state(contact_id) is state
