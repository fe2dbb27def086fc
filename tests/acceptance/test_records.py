"""F1 and F4 on real calls: Amazon Connect's own example with a clock five times as fast (and A7).

The two whispers are recordings of 2 s and 3 s instead of 10 s and 15 s; everything else takes a
fifth of its time because the controller's clock runs faster. What is compared are the times of both
records, on that clock: each is within 1 s of the example, which is 0.2 s of real time. People (the
key, the agent's answer, the hang-up) act by the example's clock; a stall of this machine that makes
the test itself late is measured, and allowed on top. To the second, without allowance, the example
is proved in virtual time: ``tests/integration/service/test_golden_timeline.py``. The example talks
for more than a minute; what everybody is told in words is listened to meanwhile (A7, with A6 and
B6).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Final, Self

import pytest
import pytest_asyncio

from tests import amazon_example as example
from tests.hearing.recogniser import heard, words
from tests.hearing.sounds import tones
from tests.hearing.tones import AGENT_WHISPER, CUSTOMER_WHISPER, HERTZ, PROMPT, listen
from tests.house import SAMPLE_SITE, House
from tests.phones import Answer, Call, Ring
from tests.phones.sound import to_ulaw
from tests.scenes import (
    PATIENCE,
    callback_of,
    inbound_of,
    journal,
    record,
    rung,
    talk_with_ben,
)
from tests.tone_site import add_number

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]

RATE: Final = 5
CUSTOMER, SPOKEN = "+12025550110", "+12025550106"
KEY: Final = 0.1
"""Seconds for which a key is pressed."""
STALL: Final = 0.05
"""A machine that is later than this has stalled."""


def _recording(hertz: int, seconds: float) -> bytes:
    return to_ulaw(tones(hertz, seconds=seconds))


def _site(data: dict[str, Any]) -> None:
    add_number(data, SPOKEN, "Spoken entry")
    data["flows"] += [
        {"name": "Spoken agent whisper", "kind": "AGENT_WHISPER"},
        {"name": "Spoken outbound whisper", "kind": "OUTBOUND_WHISPER"},
    ]
    callbacks = next(queue for queue in data["queues"] if queue["name"] == "Callbacks")
    spoken = {**callbacks, "name": "Spoken", "outbound_whisper": "Spoken outbound whisper"}
    data["queues"].append(spoken)
    data["routing_profiles"][1]["queues"].append({"queue": "Spoken", "priority": 1})


def _spoken_flows() -> dict[str, str]:
    """The sample's own words, for a queue of their own."""
    names = ("local-entry", "agent-whisper", "outbound-whisper")
    texts = {n: (SAMPLE_SITE / "flows" / f"{n}.json").read_text("utf-8") for n in names}
    flow = json.loads(texts["local-entry"])
    for action in flow["Actions"]:
        parameters = action["Parameters"]
        if parameters.get("EventHooks", {}).get("AgentWhisper"):
            parameters["EventHooks"]["AgentWhisper"] = "Spoken agent whisper"
        if action["Type"] == "CreateCallbackContact":
            parameters["QueueId"] = "Spoken"
    return {
        "spoken-entry.json": json.dumps(flow),
        "spoken-agent-whisper.json": texts["agent-whisper"],
        "spoken-outbound-whisper.json": texts["outbound-whisper"],
    }


HOUSE = {
    "change": _site,
    "environment": {"IVR_CLOCK_RATE": str(RATE)},
    "flows": {
        **example.flows(
            offer={"PromptId": "offer"},
            whispers={
                "agent": {"PromptId": "agent-whisper"},
                "outbound": {"PromptId": "outbound-whisper"},
            },
        ),
        **_spoken_flows(),
    },
    "prompts": {
        "offer.ulaw": _recording(HERTZ[PROMPT], 2 * example.CHOSEN / RATE),
        "agent-whisper.ulaw": _recording(HERTZ[AGENT_WHISPER], example.AGENT_WHISPER / RATE),
        "outbound-whisper.ulaw": _recording(
            HERTZ[CUSTOMER_WHISPER], example.CUSTOMER_WHISPER / RATE
        ),
    },
}


async def test_a7_b6_everybody_hears_the_words_meant_for_them(
    house: House, played: Example
) -> None:
    """Played and recognised while the two of the example talk."""
    await played.joined.wait()
    customer = house.stranger("+12025550117")
    ben = await house.agent_phone("ben")
    asking = await house.asks_for_callback(customer, "2025550117", dialled=SPOKEN, listens=True)
    await house.status("ben")
    agent = await rung(ben)
    called = await rung(customer)
    await talk_with_ben(house, agent, called)
    called.hang_up()
    await agent.ended(within=PATIENCE)
    confirmation = ben.call("*80")
    await confirmation.ended(within=PATIENCE)

    caller, agents, customers, code = [
        await asyncio.to_thread(words, call.heard.pcm)
        for call in (asking, agent, called, confirmation)
    ]

    assert heard("You entered one two zero two five five five zero one one seven", caller), caller
    assert heard("We will call you back. You keep your place in line", caller), caller
    assert heard("This one is for Spoken", agents, min_ratio=0.7), agents
    assert not heard("This is the call that you asked for", agents), agents
    assert heard("This is the call that you asked for", customers), customers
    assert not heard("This one is for Spoken", customers), customers
    assert heard("You are now offline", code), code
    ended = await record(house, await callback_of(house, customer))
    assert ended["ivr"]["Callback"]["Result"] == "completed"


async def test_f1_f4_amazons_example_with_a_clock_five_times_as_fast(
    house: House, played: Example
) -> None:
    await played.over

    customer = played.customer
    first, second = await inbound_of(house, customer), await callback_of(house, customer)
    records = (await record(house, first), await record(house, second))
    start = datetime.fromisoformat(records[0]["InitiationTimestamp"])
    allowed = 1.0 + RATE * played.stalls.lost
    for found, expected in zip(records, (example.CALL, example.CALLBACK), strict=True):
        _compare(example.times_of(found, expected, start), expected, allowed)
    _check_fields(*records)
    await _check_journal(house, second)
    told, customers = listen(played.agent.heard.pcm), listen(played.called.heard.pcm)
    whispered = customers.ms(CUSTOMER_WHISPER)
    assert abs(whispered - 1000 * example.CUSTOMER_WHISPER / RATE) < 300, customers
    assert abs(told.ms(AGENT_WHISPER) - 1000 * example.AGENT_WHISPER / RATE) < 300, told


class Example:
    """The example as it is played, beside other tests of this module.

    Attributes:
        joined: Set when both talk, or when something went wrong before.
        over: Done when it has ended.
        stalls: How long the test could not do what it had to do in time.
    """

    agent: Call
    called: Call

    def __init__(self, house: House) -> None:
        self.joined = asyncio.Event()
        self.stalls = Stalls()
        self.customer = house.stranger(CUSTOMER)
        self._house = house
        self.over = asyncio.create_task(self._play())
        self.over.add_done_callback(lambda _: self.joined.set())

    async def _play(self) -> None:
        house, customer = self._house, self.customer
        customer.will(Answer())
        anna = await house.agent_phone("anna")
        anna.will(Ring())
        async with self.stalls:
            began = time.monotonic()
            call = await house.calls(customer)
            await _reached(began, example.CHOSEN - KEY * RATE)
            await call.press("1", on_ms=round(1000 * KEY), gap_ms=0)
            await _reached(began, example.ENQUEUED + 5)
            await house.status("anna")
            self.agent = await anna.ringing(within=PATIENCE)
            await _reached(began, example.ACCEPTED)
            self.agent.answer()
            await house.agent_is("anna", "on_contact", within=PATIENCE)
            self.called = customer.calls[-1]
        self.joined.set()
        await _reached(began, example.ENDED - 5)
        async with self.stalls:
            await _reached(began, example.ENDED)
            self.called.hang_up()
            await self.agent.ended(within=PATIENCE)
        await house.agent_is("anna", "idle", within=PATIENCE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(house: House) -> AsyncIterator[Example]:
    """The example, begun."""
    running = Example(house)
    yield running
    running.over.cancel()


def _compare(found: Mapping[str, float], expected: Mapping[str, float], allowed: float) -> None:
    wrong = {
        path: f"{found[path]:.2f} s instead of {seconds:g} s"
        for path, seconds in expected.items()
        if abs(found[path] - seconds) > allowed
    }
    assert not wrong, f"more than {allowed:.2f} s off: {wrong}\n{found}"


def _check_fields(call: Mapping[str, Any], callback: Mapping[str, Any]) -> None:
    assert (call["InitiationMethod"], callback["InitiationMethod"]) == ("INBOUND", "CALLBACK")
    assert call["NextContactId"] == callback["ContactId"]
    assert callback["PreviousContactId"] == callback["InitialContactId"] == call["ContactId"]
    assert callback["AgentConnectionAttempts"] == 1
    assert callback["Queue"]["Duration"] == pytest.approx(
        example.ACCEPTED - example.ENQUEUED, abs=2
    )
    assert callback["Agent"]["AgentInteractionDuration"] == pytest.approx(
        example.ENDED - example.JOINED, abs=2
    )
    assert callback["Agent"]["AfterContactWorkDuration"] == pytest.approx(5, abs=1)
    assert callback["ivr"]["PlaceTimestamp"] == call["InitiationTimestamp"]
    assert call["Agent"] is None, "nobody served the call itself"


async def _check_journal(house: House, callback: str) -> None:
    entries = (await house.contact(callback))["journal"]
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    (offer,) = await journal(house, callback, "offer_made")
    assert offer == {"agent": "anna", "considered": {"anna": "chosen"}}
    states = [entry["to"] for entry in await journal(house, callback, "contact_moved")]
    assert states[-5:] == [
        "agent_whisper",
        "dialling",
        "outbound_whisper",
        "connected",
        "ended",
    ]
    assert len(await journal(house, callback, "customer_rang")) == 1


async def _reached(began: float, seconds: float) -> None:
    """Return when the example's clock shows so many seconds."""
    reached, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.call_at(loop.time() + began + seconds / RATE - time.monotonic(), reached.set)
    await reached.wait()


class Stalls:
    """How long this machine has stood still in all while it was watched, in seconds.

    The parties of the example share a process with tests that measure recordings: while one does,
    nobody answers or hangs up. What is late once stays late, so every stall counts.
    """

    def __init__(self) -> None:
        self.lost = 0.0
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._watch is not None:
            self._watch.cancel()

    async def _look(self) -> None:
        """Be woken again and again, and see how late."""
        loop, never = asyncio.get_running_loop(), asyncio.Event()
        while True:
            due = loop.time() + 0.01
            try:
                async with asyncio.timeout_at(due):
                    await never.wait()
            except TimeoutError:
                late = loop.time() - due
                self.lost += late if late > STALL else 0.0
