"""B: rules about callbacks that are decisions and time, in virtual time (B1 to B19)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.callback import CallbackResult
from ivr.domain.contact import Contact, ContactState, DisconnectReason
from ivr.service.site_check import check_site
from ivr.testing.fake_phone import FakePhone
from ivr.testing.fake_speech import FakeSpeech
from tests.centre import (
    ANNA,
    ANNAS_PHONE,
    BEN,
    BENS_PHONE,
    LOCAL,
    SAMPLE_SITE,
    Centre,
    running_centre,
    write_site,
)
from tests.virtual_time import START, VirtualClock, run_virtual

pytestmark = pytest.mark.integration

CUSTOMER, KEYS = "+12025550199", "2025550199"
CONFIRMED = "say:We will call you back. You keep your place in line. Goodbye."


def play(
    folder: Path, scene: Callable[[Centre], Awaitable[None]], start: datetime = START, **how: Any
) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(start), folder, **how) as centre:
            await scene(centre)

    run_virtual(main())


def entry(**parameters: str) -> dict[str, str]:
    """The sample's local entry with other parameters of its callback."""
    flow = json.loads((SAMPLE_SITE / "flows" / "local-entry.json").read_text("utf-8"))
    for action in flow["Actions"]:
        if action["Type"] == "CreateCallbackContact":
            action["Parameters"] |= parameters
    return {"local-entry.json": json.dumps(flow)}


def callbacks_queue(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(site: dict[str, Any]) -> None:
        next(queue for queue in site["queues"] if queue["name"] == "Callbacks").update(changes)

    return change


def test_b1_the_callback_is_a_contact_of_its_own_made_before_the_caller_is_told(
    tmp_path: Path,
) -> None:
    async def scene(centre: Centre) -> None:
        made_when_told: list[int] = []
        caller = centre.switch.dials(LOCAL, caller="+12025550160")
        caller.will_press("1", "2", f"{KEYS}#", "1")
        await centre.switch.until(lambda: CONFIRMED in caller.heard)
        made_when_told.append(len(await centre.callbacks()))
        await centre.until(lambda: caller.leg is None)

        call, callback = await centre.contacts()
        assert made_when_told == [1]
        assert (call.next_id, callback.previous_id) == (callback.id, call.id)
        assert callback.initial_id == call.id
        assert callback.place_at == call.initiated_at
        assert (callback.language, callback.voice) == (call.language, call.voice)
        assert callback.hooks == call.hooks
        assert callback.hooks["AgentWhisper"] == "Agent whisper"
        assert callback.attributes == call.attributes
        assert call.disconnect_reason is DisconnectReason.CONTACT_FLOW_DISCONNECT

        again = centre.switch.dials(LOCAL, caller=CUSTOMER)  # B10
        await centre.until(lambda: again.heard)
        new = (await centre.contacts())[-1]
        assert new.initial_id == new.id
        assert new.attributes["ivr_open_callback_id"] == callback.id
        assert new.attributes["ivr_open_callback_queue"] == "Callbacks"
        assert (await centre.one_callback())[1].result is None

    play(tmp_path, scene)


def test_b4_the_initial_delay_is_scheduled_until_it_has_passed(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        await centre.becomes(ANNA)
        await centre.asks_for_callback(KEYS)
        contact, callback = await centre.one_callback()
        assert callback.due_at == callback.created_at + timedelta(seconds=600)

        await centre.passes((callback.due_at - centre.now()).total_seconds() - 1)
        assert await centre.the_state(contact.id) is ContactState.SCHEDULED
        await centre.until(lambda: centre.switch.phone(ANNAS_PHONE).calls, within=2)

        contact, _ = await centre.one_callback()
        assert contact.enqueued_at == callback.due_at

    play(tmp_path, scene, flows=entry(InitialCallDelaySeconds="600"))


def test_b7_retries_and_spacing_have_bounds_and_publishing_warns_of_them(tmp_path: Path) -> None:
    flows = entry(MaximumConnectionAttempts="99", RetryDelaySeconds="1")
    folder = write_site(tmp_path / "checked", flows=flows)
    warnings = " ".join(check_site(folder, FakeSpeech()).warnings)
    assert "99 retries count as 10" in warnings
    assert "a spacing of 1 s is raised to the site's 60 s" in warnings

    async def scene(centre: Centre) -> None:
        await centre.asks_for_callback(KEYS)
        _, callback = await centre.one_callback()
        assert callback.retries == 10
        assert callback.retry_delay == timedelta(seconds=60)

    play(tmp_path, scene, flows=flows)


def test_b7_a_queue_may_retry_busy_with_a_delay_of_its_own(tmp_path: Path) -> None:
    def change(site: dict[str, Any]) -> None:
        callbacks_queue(also_retry=[{"outcome": "busy", "delay_seconds": 300}])(site)
        site["site"]["after_contact_work_after_unanswered"] = True

    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).is_busy()
        customer.then().answers(after=1)
        await centre.asks_for_callback(KEYS)
        await centre.becomes(ANNA)
        await centre.until(lambda: len(customer.calls) == 1)
        busy_at = centre.now()
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.AFTER_CONTACT_WORK))

        await centre.until(lambda: len(customer.calls) == 2)
        assert (centre.now() - busy_at).total_seconds() >= 300

    play(tmp_path, scene, change=change)


def test_b8_a_voicemail_counts_as_connected_and_is_not_retried(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        voicemail = centre.switch.customer(CUSTOMER).answers(after=1, leaves_after=3)
        await centre.asks_for_callback(KEYS)
        await centre.becomes(ANNA)
        await centre.until(lambda: _ended(centre))

        await centre.passes(3600)
        _, callback = await centre.one_callback()
        assert callback.result is CallbackResult.COMPLETED
        assert len(voicemail.calls) == 1

    play(tmp_path, scene, sweep=timedelta(hours=1))


def test_b11_a_callback_holds_its_slot_from_creation_to_its_end(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).rings()
        await centre.asks_for_callback(KEYS)
        contact, callback = await centre.one_callback()
        refusals = [await _refused(centre, "2025550170")]  # scheduled
        await centre.becomes(ANNA)
        await centre.until(lambda: centre.switch.is_live(customer.leg))
        refusals.append(await _refused(centre, "2025550171"))  # being dialled
        await centre.until(lambda: _is(centre, contact, ContactState.WAITING_FOR_RETRY))
        refusals.append(await _refused(centre, "2025550172"))  # between attempts

        assert await centre.centre.callbacks.stop(contact.id, by="test")
        await centre.asks_for_callback("2025550173")

        assert refusals == [True, True, True]
        assert [each.number for _, each in await centre.callbacks()] == [
            callback.number,
            "+12025550173",
        ]

    play(tmp_path, scene, change=callbacks_queue(max_contacts=1), flows=_patient())


def test_b12_asking_again_keeps_the_first_unless_the_queue_says_otherwise(tmp_path: Path) -> None:
    async def kept(centre: Centre) -> None:
        await centre.asks_for_callback(KEYS, caller="+12025550160")
        first, _ = await centre.one_callback()
        again = await centre.asks_for_callback(KEYS, caller="+12025550161")
        assert CONFIRMED in again.heard
        only, _ = await centre.one_callback()
        assert (only.id, only.place_at) == (first.id, first.place_at)

    async def doubled(centre: Centre) -> None:
        await centre.asks_for_callback(KEYS, caller="+12025550160")
        await centre.asks_for_callback(KEYS, caller="+12025550161")
        assert len(await centre.callbacks()) == 2

    play(tmp_path / "kept", kept)
    play(tmp_path / "doubled", doubled, change=callbacks_queue(one_callback_per_number=False))


NIGHT = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)
"""A Monday: 1 o'clock in New York, 22 in Los Angeles."""


def test_b14_callbacks_wait_for_the_window_of_the_called_number_and_keep_their_place(
    tmp_path: Path,
) -> None:
    async def scene(centre: Centre) -> None:
        numbers = ("+12135550188", "+12025550188", "+12025550189")
        customers = [centre.switch.customer(each).answers(leaves_after=2) for each in numbers]
        centre.switch.phone(ANNAS_PHONE).answers()
        await centre.becomes(ANNA)
        for number in numbers:
            await centre.asks_for_callback(number[2:])

        west, first, second = customers
        await _not_before(centre, first, NIGHT.replace(hour=12))
        await centre.until(lambda: second.calls, within=60)
        assert len(first.calls) == 1
        await _not_before(centre, west, NIGHT.replace(hour=15))

    play(
        tmp_path,
        scene,
        NIGHT,
        change=callbacks_queue(calling_window=True),
        sweep=timedelta(hours=1),
    )


def test_b14_c8_callbacks_wait_for_the_hours_of_their_queue(tmp_path: Path) -> None:
    def change(site: dict[str, Any]) -> None:
        callbacks_queue(hours="Office")(site)
        site["hours"].append(
            {
                "name": "Office",
                "time_zone": "Europe/Berlin",
                "week": {"monday": ["09:00-17:00"], "tuesday": ["09:00-17:00"]},
                "holidays": {"2026-06-01": []},
            }
        )

    async def scene(centre: Centre) -> None:
        customer = centre.switch.customer(CUSTOMER).answers()
        centre.switch.phone(ANNAS_PHONE).answers()
        await centre.becomes(ANNA)
        await centre.asks_for_callback(KEYS)

        tuesday_at_nine = datetime(2026, 6, 2, 7, 0, tzinfo=UTC)
        await _not_before(centre, customer, tuesday_at_nine)

    play(tmp_path, scene, NIGHT, change=change, sweep=timedelta(hours=6))


async def _not_before(centre: Centre, customer: FakePhone, opens: datetime) -> None:
    """A customer is dialled when this time comes, at once, and not before."""
    await centre.clock.sleep_until(opens - timedelta(seconds=1))
    assert not customer.calls
    await centre.until(lambda: customer.calls, within=6)


def test_b19_three_failures_of_our_side_pause_dialling_and_a_probe_resumes_it(
    tmp_path: Path,
) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).answers()
        centre.switch.phone(BENS_PHONE).answers()
        numbers = [f"+120255501{each}" for each in (80, 81, 82, 83)]
        customers = [centre.switch.customer(each).is_out_of_order() for each in numbers]
        for number in numbers:
            await centre.asks_for_callback(number[2:])
        await centre.becomes(ANNA)
        await centre.until(lambda: _dials(customers) == 3)
        failed_at = centre.now()
        assert centre.world.trunks.paused_until is not None

        await centre.becomes(BEN)
        await centre.passes(50)
        assert _dials(customers) == 3
        await centre.until(lambda: _dials(customers) == 4)
        assert (centre.now() - failed_at).total_seconds() >= 55
        await centre.passes(50)
        assert _dials(customers) == 4, "one probe, then another pause"
        for customer in customers:
            customer.answers(leaves_after=2)
        await centre.until(lambda: _all_over(centre))

        callbacks = [callback for _, callback in await centre.callbacks()]
        assert {each.result for each in callbacks} == {CallbackResult.COMPLETED}
        assert [each.attempts_used for each in callbacks] == [1, 1, 1, 1]
        assert centre.world.trunks.paused_until is None

    play(tmp_path, scene)


def _dials(customers: list[FakePhone]) -> int:
    return sum(len(customer.calls) for customer in customers)


async def _all_over(centre: Centre) -> bool:
    return all(callback.result is not None for _, callback in await centre.callbacks())


async def _ended(centre: Centre) -> bool:
    contact, _ = await centre.one_callback()
    return contact.state is ContactState.ENDED


async def _is(centre: Centre, contact: Contact, state: ContactState) -> bool:
    return await centre.the_state(contact.id) is state


def _patient() -> dict[str, str]:
    """An entry flow that hangs up where no callback can be had, and leaves time between states."""
    flow = json.loads(entry(InitialCallDelaySeconds="60")["local-entry.json"])
    for action in flow["Actions"]:
        if action["Identifier"] == "No callback":
            action["Transitions"]["NextAction"] = "Hang up"
    return {"local-entry.json": json.dumps(flow)}


async def _refused(centre: Centre, number: str) -> bool:
    before = len(await centre.callbacks())
    caller = await centre.asks_for_callback(number, caller=f"+1{number}")
    assert len(await centre.callbacks()) == before
    return "say:We cannot call you back at the moment." in caller.heard
