"""E2 on the real switch: a transfer flow speaks with both, with the customer, with the agent.

Proved here with real phones: who hears the flow and whom else, who hears hold, whose keys the flow
takes, that the agent does not hear keys meant for the flow alone, and that a flow goes on where it
was after the controller was killed. What else can happen meanwhile is proved in virtual time:
``tests/integration/service/test_flow_with_customer_rules.py``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic
from typing import Any, Final

import pytest
import pytest_asyncio

from ivr.domain.phone_number import mask_in
from ivr.domain.quick_connect import TransferState
from tests.hearing.sounds import tones
from tests.hearing.tones import (
    AGENT,
    AGENT_WHISPER,
    CUSTOMER,
    CUSTOMER_WHISPER,
    HERTZ,
    MUSIC,
    PROMPT,
    SECOND_AGENT,
    listen,
)
from tests.house import House
from tests.payment_flow import ASKS, BOTH, THANKS, payment_flow
from tests.phones import Answer, Phone
from tests.phones.call import PhoneCall
from tests.phones.sound import to_ulaw
from tests.quick_connect_talk import Talk, a_talk
from tests.quick_connect_tones import quick_connect_house
from tests.scenes import hears, record, rung
from tests.tone_site import recordings

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

S = TransferState
CARD: Final = "4111222233334444"
SAID: Final = {
    BOTH: {"PromptId": "tell-both"},
    ASKS: {"PromptId": "agent-whisper"},
    THANKS: {"PromptId": "customer-whisper"},
}
"""In tones, the first one's that of prompts."""
TELLS_SECONDS: Final = 2.5


def _site(data: dict[str, Any]) -> None:
    data["flows"] += [
        {"name": "Payment", "kind": "AGENT_TRANSFER"},
        {"name": "Payment and on", "kind": "AGENT_TRANSFER"},
        {"name": "Asked together", "kind": "AGENT_TRANSFER"},
    ]
    for name in ("Payment", "Payment and on", "Asked together"):
        data["quick_connects"].append({"name": name, "agent": "Ben", "flow": name})
        for queue in data["queues"]:
            queue["quick_connects"].append(name)


HOUSE = quick_connect_house(
    _site,
    prompts={
        **recordings(),
        "tell-both.ulaw": to_ulaw(tones(HERTZ[PROMPT], seconds=TELLS_SECONDS)),
    },
    flows={
        "payment.json": payment_flow(said=SAID),
        "payment-and-on.json": payment_flow("TransferContactToAgent", said=SAID, last="OffHold"),
        "asked-together.json": payment_flow(said=SAID, asked="OffHold"),
    },
)


@pytest_asyncio.fixture(loop_scope="module")
async def talking(house: House, anna: Phone, ben: Phone) -> AsyncIterator[Talk]:
    yield await a_talk(house, anna, ben)
    house.hang_up_all()


async def _keeps(house: House, talk: Talk, digits: str) -> None:
    """What was keyed is with the contact; whoever looks at it sees how it ends."""
    attributes = (await record(house, talk.contact))["Attributes"]
    assert attributes["card"] == mask_in(digits)


async def test_flow_speaks_with_both_then_with_the_customer_then_with_the_agent(
    house: House, talking: Talk
) -> None:
    customer, agent = talking.customer, talking.anna
    await talking.start("Payment")

    await hears(house, customer, AGENT, PROMPT)
    await hears(house, agent, CUSTOMER, PROMPT)
    await talking.comes_to(S.CUSTOMER_FLOW.value)
    alone = monotonic()
    await hears(house, customer, AGENT_WHISPER)
    await customer.press(CARD + "#")
    await talking.comes_to(S.SOURCE_FLOW.value)
    back = monotonic()
    await hears(house, agent, CUSTOMER_WHISPER)
    await hears(house, customer, MUSIC)
    await talking.comes_to(S.RETURNED.value)
    await talking.hear_each_other(customer, agent)

    assert not agent.keys
    heard = listen(agent.heard.between(alone + 0.2, back))
    assert heard.ms(CUSTOMER) == heard.ms(AGENT_WHISPER) == 0, heard
    assert heard.ms(PROMPT) >= 1000, "the agent on hold hears the agent hold flow"
    await _keeps(house, talking, CARD)


async def test_those_who_are_together_stay_so_until_the_agent_joins(
    house: House, talking: Talk, ben: Phone
) -> None:
    customer, agent = talking.customer, talking.anna
    ben.will(Answer(after=1.5))
    await talking.start("Payment and on")
    await talking.comes_to(S.CUSTOMER_FLOW.value)
    await hears(house, customer, AGENT_WHISPER)
    await customer.press(CARD + "#")

    await hears(house, customer, AGENT, CUSTOMER_WHISPER)
    await hears(house, agent, CUSTOMER, CUSTOMER_WHISPER)
    begun = monotonic()
    second = await rung(ben)
    await hears(house, customer, AGENT, SECOND_AGENT)
    await hears(house, agent, CUSTOMER, SECOND_AGENT)
    await hears(house, second, AGENT, CUSTOMER)

    assert listen(customer.heard.between(begun, monotonic())).ms(MUSIC) == 0


@pytest.mark.parametrize("who", ["customer", "agent"])
async def test_flow_that_speaks_with_both_takes_keys_of_either(
    house: House, talking: Talk, who: str
) -> None:
    call: PhoneCall = talking.customer if who == "customer" else talking.anna
    await talking.start("Asked together")
    await hears(house, talking.anna, CUSTOMER, AGENT_WHISPER)
    await hears(house, talking.customer, AGENT)

    await call.press("12345#")

    await talking.comes_to(S.RETURNED.value)
    await talking.hear_each_other(talking.customer, talking.anna)
    await _keeps(house, talking, "12345")


@pytest.mark.parametrize("step", [S.JOINT_FLOW, S.CUSTOMER_FLOW])
async def test_flow_goes_on_after_the_controller_was_killed(
    house: House, talking: Talk, step: TransferState
) -> None:
    customer, agent = talking.customer, talking.anna
    await talking.start("Payment")
    await talking.comes_to(step.value)
    await hears(house, customer, PROMPT if step is S.JOINT_FLOW else AGENT_WHISPER)

    await house.kill_controller()
    away = monotonic()
    if step is S.JOINT_FLOW:
        await talking.hear_each_other(customer, agent)  # and no music of the flow's
        assert listen(agent.heard.between(away + 0.5, monotonic())).ms(MUSIC) == 0
    await house.start_controller()

    await talking.comes_to(S.CUSTOMER_FLOW.value)
    await hears(house, customer, AGENT_WHISPER)
    await customer.press(CARD + "#")
    await hears(house, agent, CUSTOMER_WHISPER)
    await talking.comes_to(S.RETURNED.value)
    await talking.hear_each_other(customer, agent)
    await _keeps(house, talking, CARD)


async def test_agent_takes_the_customer_back_with_a_code(house: House, talking: Talk) -> None:
    await talking.start("Payment")
    await talking.comes_to(S.CUSTOMER_FLOW.value)
    await hears(house, talking.customer, AGENT_WHISPER)

    await talking.anna.press("*0")

    await talking.comes_to(S.RETURNED.value)
    await talking.hear_each_other(talking.customer, talking.anna)
