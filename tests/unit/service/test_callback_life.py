"""A queued callback from the keypad to the last word, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.domain.agent import AgentActivity
from ivr.domain.callback import CallbackResult
from ivr.domain.contact import ContactState, DisconnectReason
from tests.centre import ANNA, ANNAS_PHONE, LOCAL, Centre, running_centre
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.unit

CUSTOMER = "+12025550199"


def play(folder: Path, scene: Callable[[Centre], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running_centre(VirtualClock(), folder) as centre:
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
        assert centre.switch.phone(ANNAS_PHONE).heard[0] == "say:Queue Callbacks."
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
