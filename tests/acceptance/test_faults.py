"""Faults on the real switch with real phones: what was promised is kept, nobody is rung twice.

Each case kills, cuts or locks something at a named place, and lets the main job go on afterwards.
At its end the checker reads what the customers' phones, the store and the switch have witnessed.
Every step of the controller at which it could die is gone through in virtual time:
``tests/integration/service/test_recovery.py``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ivr.settings import SECRETS_FILE
from ivr.store.sql_store import SqlStore
from tests.checker import Ring, numbers_in, violations, witnessed
from tests.cut_line import CutLine
from tests.hearing.sounds import tones
from tests.hearing.tones import (
    AGENT_WHISPER,
    CUSTOMER,
    CUSTOMER_WHISPER,
    HERTZ,
    MUSIC,
    PROMPT,
    SILENCE,
    listen,
)
from tests.house import LOCAL, ROOT, House
from tests.pbx import free_port
from tests.phones import Answer, Call, CallState, Phone, tone
from tests.phones import Ring as Rings
from tests.phones.sound import to_ulaw
from tests.scenes import asks, callback_of, hears, inbound_of, journal, record, rung, talk, waits
from tests.tone_site import QUICK_CALLBACK, recordings, tone_house

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(400),
]

PATIENCE = 40.0
LONG_WHISPER = 3.0
"""Seconds in which a whisper can be interrupted."""
LEASE_SECONDS = 10.0
ARMED: set[int] = set()
"""Controllers, by process id, that wait for their failpoint."""


def _site(data: dict[str, Any]) -> None:
    data["site"]["ring_agent_seconds"] = 30  # longer than a controller takes to be back


HOUSE = tone_house(
    _site,
    prompts={
        **recordings(),
        "customer-whisper.ulaw": to_ulaw(tones(HERTZ[CUSTOMER_WHISPER], seconds=LONG_WHISPER)),
    },
)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def controller(house: House) -> AsyncIterator[None]:
    """A controller without failpoints and nobody on the line, whatever a test has left."""
    house.hang_up_all()
    await _disarmed(house)
    yield
    await _disarmed(house)


async def _disarmed(house: House) -> None:
    if not house.has_controller or house.controller_pid in ARMED:
        await restarts(house)


# --- helpers ------------------------------------------------------------------------------------


async def restarts(house: House, failpoint: str | None = None, **environment: str) -> float:
    """Have the controller stopped and started; seconds until it has compared itself."""
    await house.stop_controller()
    if failpoint is not None:
        environment["IVR_FAILPOINT"] = f"{failpoint}:kill"
    began = time.monotonic()
    await house.start_controller(**environment)
    seconds = time.monotonic() - began
    if failpoint is not None:
        ARMED.add(house.controller_pid)
    print(f"controller back and compared after {seconds:.2f} s")
    return seconds


async def dies(house: House) -> None:
    """Wait until a failpoint has killed the controller."""
    assert await house.controller_died(within=PATIENCE) == -signal.SIGKILL


async def is_over(house: House) -> None:
    """Wait until nobody is served any more, and ask every witness."""

    async def so() -> bool:
        contacts = await house.contacts()
        agents = await house.get("/agents")
        busy = {"offered", "connecting", "on_contact"}
        return all(contact["state"] == "ended" for contact in contacts) and not any(
            agent["activity"] in busy for agent in agents
        )

    await house.until(so, within=PATIENCE, what="everything is over")
    await house.until(lambda: _no_legs(house), within=10, what="no leg is left")
    store = SqlStore(house.settings().store_url)
    await store.open()
    try:
        history = await witnessed(store, rings(house))
    finally:
        await store.close()
    assert violations(history) == []
    assert numbers_in(house.log(), {ring.number for ring in history.rings}) == []


async def _no_legs(house: House) -> bool:
    return not (await house.pbx.console("core show channels concise")).strip()


def rings(house: House) -> list[Ring]:
    """Every INVITE that reached a customer through the trunk."""
    skew = time.time() - time.monotonic()
    return [
        Ring(f"+{invite.dialled.lstrip('+')}", datetime.fromtimestamp(invite.at + skew, UTC))
        for invite in house.trunk.invites
    ]


async def wakes(house: House, phone: Phone) -> Call:
    """The next call that reaches a phone, ringing or answered."""
    return await phone.ringing(PATIENCE)


# --- the controller dies: the caller ------------------------------------------------------------


async def test_a8_i1_killed_at_the_keypad_and_between_commit_and_confirmation(
    house: House,
) -> None:
    caller = house.stranger("+12025550111")
    call = await house.calls(caller, LOCAL)
    for action, keys in (("Greeting", "1"), ("Offer own number", "2")):
        await house.at(call, action)
        await call.press(keys)
    await house.at(call, "Enter number")
    await call.press("20255")

    await house.kill_controller()
    await hears(house, call, MUSIC)
    await restarts(house, "after_callback_commit")
    await hears(house, call, PROMPT)
    await call.press("2025550112#")
    await house.at(call, "Right number?")
    await call.press("1")
    await dies(house)
    await hears(house, call, MUSIC)
    await restarts(house)
    await hears(house, call, PROMPT)
    await call.press("1")
    await call.ended(within=PATIENCE)

    (callback,) = await house.callbacks()
    assert not call.ended_by_us
    await house.post(f"/callbacks/{callback['id']}/stop")
    await is_over(house)
    assert house.trunk.invites == []


@pytest.mark.parametrize(
    "failpoint",
    [
        "after_contact_commit",
        "before_callback_commit",
        pytest.param("after_callback_commit", marks=pytest.mark.full),
    ],
)
async def test_i1_killed_around_a_commit_a_caller_has_one_callback(
    house: House, failpoint: str
) -> None:
    await restarts(house, failpoint)
    caller = house.stranger("+12025550113")
    call = caller.call(QUICK_CALLBACK)
    await dies(house)
    await restarts(house)
    await call.ended(within=PATIENCE)

    (callback,) = await house.callbacks()
    assert callback["id"] == await callback_of(house, caller)
    assert call.answered_at
    await house.post(f"/callbacks/{callback['id']}/stop")
    await is_over(house)


async def test_a8_killed_while_a_caller_waits_in_the_queue_at_their_place(
    house: House, anna: Phone
) -> None:
    caller = house.stranger("+12025550114", says=tone(HERTZ[CUSTOMER]))
    call = await waits(house, caller)
    waiting = await inbound_of(house, caller)
    before = (await record(house, waiting))["ivr"]["PlaceTimestamp"]

    await house.kill_controller()
    heard = call.heard.seconds
    await house.until(lambda: call.heard.seconds > heard + 3, what="three seconds pass")
    await hears(house, call, MUSIC)
    await restarts(house)
    await hears(house, call, MUSIC)
    assert (await record(house, waiting))["ivr"]["PlaceTimestamp"] == before
    await house.status("anna")
    agent = await wakes(house, anna)
    await talk(house, agent, call)

    call.hang_up()
    await house.agent_is("anna", "idle")
    assert listen(call.heard.pcm).longest_ms(SILENCE) < 3000
    await is_over(house)


# --- the controller dies: dialling --------------------------------------------------------------


async def test_b15_killed_between_intent_order_and_reply_and_in_talk_one_invite(
    house: House, anna: Phone
) -> None:
    customer = house.stranger("+12025550115", says=tone(HERTZ[CUSTOMER]))
    customer.will(Rings())
    await restarts(house, "after_intent_commit")
    callback = await asks(house, customer)
    await house.status("anna")
    await dies(house)
    assert customer.invites == []

    async with _ami(house) as line:
        line.sees = _kills(house, b"Action: Originate", b"-c2")
        await restarts(house, IVR_AMI__PORT=str(line.port))
        ringing = await customer.ringing(PATIENCE)
        await dies(house)
    await restarts(house)
    assert ringing.state is CallState.RINGING
    assert len(customer.invites) == 1
    ringing.answer()
    await hears(house, ringing, CUSTOMER_WHISPER)
    await talk(house, anna.calls[-1], ringing)

    await house.kill_controller()
    await hears(house, ringing, "agent", ms=900)
    await talk(house, anna.calls[-1], ringing)
    await restarts(house)
    await talk(house, anna.calls[-1], ringing)
    await house.state_is(callback, "connected")
    ringing.hang_up()
    await house.agent_is("anna", "idle", within=30)

    attempts = (await record(house, callback))["ivr"]["Callback"]["Attempts"]
    assert [(each["Outcome"], each["Counted"]) for each in attempts] == [
        ("unknown", True),
        ("answered", True),
    ]
    assert len(customer.invites) == 1
    assert (await record(house, callback))["ivr"]["Callback"]["Result"] == "completed"
    await is_over(house)


async def test_b15_killed_while_the_customer_rings_the_answer_is_not_lost(
    house: House, anna: Phone
) -> None:
    customer = house.stranger("+12025550116", says=tone(HERTZ[CUSTOMER]))
    customer.will(Rings())
    callback = await asks(house, customer)
    await house.status("anna")
    call = await customer.ringing(PATIENCE)

    await house.kill_controller()
    call.answer()
    await hears(house, call, MUSIC)
    await restarts(house)
    await hears(house, call, CUSTOMER_WHISPER)
    await talk(house, anna.calls[-1], call)
    anna.calls[-1].hang_up()
    await call.ended(within=PATIENCE)

    assert len(customer.invites) == 1
    assert (await record(house, callback))["ivr"]["Callback"]["Result"] == "completed"
    await is_over(house)


async def test_i3_killed_in_the_offer_and_in_both_whispers(house: House, anna: Phone) -> None:
    customer = house.stranger("+12025550117", says=tone(HERTZ[CUSTOMER]))
    customer.will(Answer(after=1))
    anna.will(Rings())
    callback = await asks(house, customer)
    await house.status("anna")
    agent = await anna.ringing(PATIENCE)

    await house.kill_controller()
    await restarts(house, "flow_Play")
    assert agent.state is CallState.RINGING
    agent.answer()
    await dies(house)
    await hears(house, agent, MUSIC)
    await restarts(house)
    await hears(house, agent, AGENT_WHISPER)
    call = await rung(customer)
    await hears(house, call, CUSTOMER_WHISPER, ms=200)
    await house.kill_controller()
    await hears(house, call, MUSIC)
    await restarts(house)
    await hears(house, call, CUSTOMER_WHISPER)
    await talk(house, agent, call)
    call.hang_up()
    await house.agent_is("anna", "idle", within=30)

    assert len(anna.invites) == 1
    assert len(customer.invites) == 1
    assert len(await journal(house, callback, "offer_made")) == 1
    assert (await record(house, callback))["ivr"]["Callback"]["AttemptsUsed"] == 1
    await is_over(house)


# --- the switch dies ----------------------------------------------------------------------------


async def test_i1_the_switch_killed_in_queue_and_talk(house: House, anna: Phone) -> None:
    talking = house.stranger("+12025550118", says=tone(HERTZ[CUSTOMER]))
    queued = house.stranger("+12025550119")
    asking = house.stranger("+12025550125", says=tone(HERTZ[CUSTOMER]))
    first = await waits(house, talking)
    await house.status("anna")
    await talk(house, await wakes(house, anna), first)
    await waits(house, queued)
    callback = await asks(house, asking)  # waits: nobody is free
    in_talk, in_queue = await inbound_of(house, talking), await inbound_of(house, queued)

    await house.pbx.kill()
    began = time.monotonic()
    await house.pbx.start()
    for phone in (talking, queued, anna):
        phone.calls[-1].close()
    await anna.register()
    await house.state_is(in_talk, "ended", within=PATIENCE)
    await house.state_is(in_queue, "ended", within=PATIENCE)
    print(f"switch back and compared after {time.monotonic() - began:.2f} s")
    for contact in (in_talk, in_queue):
        assert (await record(house, contact))["DisconnectReason"] == "TELECOM_PROBLEM"

    call = await rung(asking)
    await hears(house, call, "agent")
    call.hang_up()
    await house.state_is(callback, "ended")
    await house.agent_is("anna", "idle", within=30)
    assert (await record(house, callback))["ivr"]["Callback"]["Result"] == "completed"
    await is_over(house)


# --- lines are cut ------------------------------------------------------------------------------


async def test_i2_the_manager_link_reset_while_the_customer_rings_and_silent_in_talk(
    house: House, anna: Phone
) -> None:
    customer = house.stranger("+12025550120", says=tone(HERTZ[CUSTOMER]))
    customer.will(Rings())
    async with _ami(house) as line:
        await restarts(house, IVR_AMI__PORT=str(line.port))
        callback = await asks(house, customer)
        await house.status("anna")
        call = await customer.ringing(PATIENCE)
        position = house.log_path.stat().st_size
        line.refuses = True
        line.reset()
        await house.logged("switch_down", after=position, within=PATIENCE)
        call.answer()
        await hears(house, call, MUSIC)
        line.refuses = False
        await hears(house, call, CUSTOMER_WHISPER)
        await talk(house, anna.calls[-1], call)

        line.silence()
        began, position = time.monotonic(), house.log_path.stat().st_size
        anna.calls[-1].hang_up()
        await house.logged("switch_down", after=position, within=PATIENCE)
        print(f"silence noticed after {time.monotonic() - began:.2f} s")
        await call.ended(within=PATIENCE)
        await house.state_is(callback, "ended")
        await house.agent_is("anna", "idle", within=30)
        assert len(customer.invites) == 1
        assert (await record(house, callback))["ivr"]["Callback"]["Result"] == "completed"
        await is_over(house)
        await house.stop_controller()
    await restarts(house)


async def test_a8_fastagi_cut_under_a_waiting_caller(house: House, anna: Phone) -> None:
    caller = house.stranger("+12025550121", says=tone(HERTZ[CUSTOMER]))
    await house.stop_controller()
    inside = free_port()
    async with CutLine(inside, port=house.settings().agi.port) as line:
        await restarts(house, IVR_AGI__PORT=str(inside))
        call = await waits(house, caller)
        heard = call.heard.seconds
        line.reset()
        await house.until(lambda: call.heard.seconds > heard + 4, what="four seconds pass")
        await hears(house, call, MUSIC)
        await house.status("anna")
        agent = await wakes(house, anna)
        await talk(house, agent, call)
        agent.hang_up()
        await call.ended(within=PATIENCE)
        assert listen(call.heard.pcm).longest_ms(SILENCE) < 3000
        await house.agent_is("anna", "idle", within=30)
        await is_over(house)
        await house.stop_controller()
    await restarts(house)


# --- the database -------------------------------------------------------------------------------


async def test_i9_a_locked_database_leads_down_the_error_branch_and_nothing_is_dialled(
    house: House,
) -> None:
    caller = house.stranger("+12025550122")
    call = await house.calls(caller, LOCAL)
    for action, keys in (
        ("Greeting", "1"),
        ("Offer own number", "2"),
        ("Enter number", "2025550123#"),
    ):
        await house.at(call, action)
        await call.press(keys)
    await house.at(call, "Right number?")

    path = house.settings().store_url.removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        other.execute("BEGIN IMMEDIATE")
        since = time.monotonic()
        await call.press("1")
        heard = call.heard.seconds
        await house.until(
            lambda: (
                listen(call.heard.latest(max(0.1, call.heard.seconds - heard))).ms(PROMPT) > 900
                and time.monotonic() - since > 10
            ),
            within=60,
            what="the error branch speaks, ten seconds have passed",
        )
    finally:
        other.execute("ROLLBACK")
        other.close()

    await hears(house, call, MUSIC)
    await house.until(lambda: _waits_in(house, caller), within=PATIENCE, what="it queues instead")
    call.hang_up()
    assert await house.callbacks() == []
    assert house.controller_pid
    await is_over(house)
    await house.status("anna", "Offline")  # the controller lives, and writes


async def _waits_in(house: House, caller: Phone) -> bool:
    return bool((await record(house, await inbound_of(house, caller)))["ivr"]["State"] == "queued")


# --- two controllers ----------------------------------------------------------------------------


@pytest.mark.full
async def test_a_second_controller_waits_and_takes_over_when_the_first_dies(
    house: House,
) -> None:
    async with _second(house) as second:
        await house.until(lambda: "lease_wait" in second.log(), within=60, what="it waits")
        await house.kill_controller()
        began = time.monotonic()
        await house.until(lambda: "switch_compared" in second.log(), within=60, what="it came")
        print(f"second controller in charge after {time.monotonic() - began:.2f} s")
        assert time.monotonic() - began < LEASE_SECONDS + 20
        await house.get("/agents")
    await restarts(house)


async def test_i2_a_controller_that_slept_through_its_lease_dials_nothing(
    house: House, anna: Phone
) -> None:
    customer = house.stranger("+12025550124", says=tone(HERTZ[CUSTOMER]))
    anna.will(Rings())
    callback = await asks(house, customer)
    await house.status("anna")
    agent = await anna.ringing(PATIENCE)
    sleeper = house.controller_pid
    os.kill(sleeper, signal.SIGSTOP)
    try:
        agent.answer()
        async with _second(house, beside=True) as second:
            await house.until(lambda: "switch_compared" in second.log(), within=60, what="it came")
            os.kill(sleeper, signal.SIGCONT)
            assert await house.controller_died(within=PATIENCE) != 0
            assert customer.invites == []
    finally:
        await house.kill_controller()
    await restarts(house)
    call = await rung(customer)
    await talk(house, anna.calls[-1], call)
    call.hang_up()
    await house.state_is(callback, "ended")
    await house.agent_is("anna", "idle", within=30)
    assert len(customer.invites) == 1
    await is_over(house)


# --- inside -------------------------------------------------------------------------------------


@asynccontextmanager
async def _ami(house: House) -> AsyncIterator[CutLine]:
    async with CutLine(house.settings().ami.port) as line:
        yield line


def _kills(house: House, *words: bytes) -> Callable[[bytes], None]:
    """Kill the controller once it has sent a message with these words, before it is answered."""

    def look(data: bytes) -> None:
        if all(word in data for word in words):
            os.kill(house.controller_pid, signal.SIGKILL)

    return look


@dataclass(frozen=True)
class _Controller:
    """A controller beside the house's own."""

    process: asyncio.subprocess.Process
    log_path: Path

    def log(self) -> str:
        return self.log_path.read_text("utf-8", errors="replace")

    async def stops(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()


@asynccontextmanager
async def _second(house: House, *, beside: bool = False) -> AsyncIterator[_Controller]:
    """Another controller on the same database.

    Args:
        house: Whose database, switch and secrets.
        beside: Give it ports of its own: the first one still holds the usual ones.
    """
    state = house.state.with_name("second-state")
    if not state.exists():
        state.mkdir(mode=0o700)
        shutil.copy(house.state / SECRETS_FILE, state)
        (state / "pbx").symlink_to(house.state / "pbx")
    environment = {
        **house.environment,
        "IVR_STATE_DIR": str(state),
        "IVR_DATABASE_URL": house.settings().store_url,
    }
    if beside:
        environment |= {"IVR_AGI__PORT": str(free_port()), "IVR_API__PORT": str(free_port())}
    log_path = state / "controller.log"
    with log_path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ivr", "run"), env=environment, cwd=ROOT, stderr=log
        )
    controller = _Controller(process, log_path)
    try:
        yield controller
    finally:
        await controller.stops()
