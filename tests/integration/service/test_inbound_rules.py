"""A and D: callers in a flow and in a queue, what is decisions and time (A2, D1, D3, D4, F4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.contact import ContactState
from ivr.service.publishing import apply_site, load_site
from ivr.testing.fake_speech import FakeSpeech
from tests.centre import (
    ANNA,
    ANNAS_PHONE,
    LOCAL,
    SAMPLE_SITE,
    Centre,
    running_centre,
    write_site,
)
from tests.tone_site import quick_callback
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

AGENT_WHISPER, CUSTOMER_WHISPER = "say:This one is for Sales.", "say:You are being connected."
CALLER = "+12025550160"


def play(folder: Path, scene: Callable[[Centre], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder, **how) as centre:
            await scene(centre)

    run_virtual(main())


def test_a2_a_running_contact_finishes_on_the_version_it_started_with(tmp_path: Path) -> None:
    text = (SAMPLE_SITE / "flows" / "local-entry.json").read_text("utf-8")
    changed = text.replace("Please enter your ten digit", "Key your ten digit")

    async def scene(centre: Centre) -> None:
        before = centre.switch.dials(LOCAL, caller=CALLER).will_press("1", "2", "2025550199#")
        await centre.switch.until(lambda: bool(before.pressed))
        folder = write_site(tmp_path / "new", flows={"local-entry.json": changed})
        await apply_site(folder, centre.store, FakeSpeech(), now=centre.now())
        centre.world.site.replace(await load_site(centre.store))
        after = centre.switch.dials(LOCAL, caller="+12025550161").will_press("1", "2")

        await centre.until(lambda: len(before.pressed) >= 3)
        await centre.until(lambda: len(after.heard) >= 3)

        assert any("Please enter your ten digit" in each for each in before.heard)
        assert any("Key your ten digit" in each for each in after.heard)
        assert not any("Key your ten digit" in each for each in before.heard)

    play(tmp_path / "first", scene)


def test_d1_the_queue_flow_loops_and_goes_on_until_the_customer_whisper(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.sound_lengths[AGENT_WHISPER] = timedelta(seconds=100)
        centre.switch.phone(ANNAS_PHONE).answers(after=15)
        caller = centre.switch.dials(LOCAL, caller=CALLER).will_press("2")
        await centre.passes(150)
        assert caller.heard.count("say:All our agents are busy. Please stay on the line.") >= 2

        await centre.becomes(ANNA)
        offered = len(caller.heard)
        await centre.until(lambda: CUSTOMER_WHISPER in caller.heard)
        assert "hold-music" in caller.heard[offered:]
        heard = list(caller.heard)
        (contact,) = await centre.contacts()
        await centre.until(lambda: len(centre.switch.talking(contact.id)) == 2)
        assert caller.heard == heard, "nothing else is played any more"

    play(tmp_path, scene)


def test_d3_a_whisper_is_cut_after_two_minutes(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.sound_lengths |= {
            AGENT_WHISPER: timedelta(hours=1),
            CUSTOMER_WHISPER: timedelta(hours=1),
        }
        centre.switch.phone(ANNAS_PHONE).answers()
        centre.switch.dials(LOCAL, caller=CALLER).will_press("2")
        await centre.becomes(ANNA)
        await centre.until(lambda: _is_in(centre, ContactState.AGENT_WHISPER))
        began = centre.now()
        await centre.until(lambda: _is_in(centre, ContactState.CUSTOMER_WHISPER))
        assert 120 <= (centre.now() - began).total_seconds() < 122
        began = centre.now()
        await centre.until(lambda: _is_in(centre, ContactState.CONNECTED))
        assert 120 <= (centre.now() - began).total_seconds() < 122

    play(tmp_path, scene)


def test_d4_a_callback_asked_for_while_the_call_is_offered_takes_the_error_branch(
    tmp_path: Path,
) -> None:
    async def scene(centre: Centre) -> None:
        centre.switch.phone(ANNAS_PHONE).rings()
        caller = centre.switch.dials(LOCAL, caller=CALLER).will_press("2", "1", "1")
        offer = "say:Press 1 to be called back on this number. You keep your place in line."
        centre.switch.sound_lengths[offer] = timedelta(seconds=5)
        await centre.switch.until(lambda: offer in caller.heard)
        await centre.becomes(ANNA)
        await centre.until(lambda: _is_in(centre, ContactState.OFFERED))

        await centre.until(lambda: "say:We cannot call you back on this number." in caller.heard)

        assert await centre.callbacks() == []
        assert await _is_in(centre, ContactState.OFFERED)

    play(tmp_path, scene)


def test_f4_each_step_of_a_flow_is_told_once(tmp_path: Path) -> None:
    async def scene(centre: Centre) -> None:
        caller = centre.switch.dials(LOCAL, caller=CALLER)
        await centre.until(lambda: caller.leg is None)
        (call,) = [each for each in await centre.contacts() if not each.is_callback]
        told = Counter(
            (entry.kind, entry.detail.get("action"))
            for entry in await centre.store.journal(call.id)
        )
        assert told["callback_requested", None] == 1
        assert told["flow_moved", "Create"] == 1
        assert max(told.values()) == 1

    play(
        tmp_path, scene, flows={"local-entry.json": quick_callback().replace('"prompt"', '"beep"')}
    )


async def _is_in(centre: Centre, state: ContactState) -> bool:
    contacts = await centre.contacts()
    return bool(contacts) and contacts[0].state is state
