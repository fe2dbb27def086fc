"""What a leg hears at each place of the dialplan, and trunks by registration."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from ivr.domain.ids import E164, Endpoint
from ivr.ports.provisioning import (
    CallerAccount,
    InboundNumber,
    PbxPlan,
    Registration,
    Trunk,
)
from ivr.telephony import dialplan
from tests.hearing.sounds import tones
from tests.hearing.tones import (
    HERTZ,
    MUSIC,
    PROMPT,
    REORDER,
    RINGBACK,
    SILENCE,
    SOUND,
    Timeline,
    listen,
)
from tests.pbx import Pbx, loopback_plan
from tests.pbx_peers import AgiCall, AgiServer, Manager
from tests.phones import Phone, Recording
from tests.phones.progress import Call
from tests.phones.sound import to_ulaw

pytestmark = pytest.mark.acceptance

CARLA = CallerAccount(endpoint=Endpoint("carla"), secret="carla-secret", number=E164("+4917012345"))
NUMBER = InboundNumber(number=E164("+493012345"), spellings=("+493012345",))
GOODBYE = "goodbye"
SENTENCE = PROMPT
SENTENCE_MS = 1000
TONES = {MUSIC: HERTZ[MUSIC], SENTENCE: HERTZ[PROMPT], GOODBYE: 2500}
FOR_EVER = "4000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    state = tmp_path_factory.mktemp("state")
    plan = loopback_plan(
        callers=(CARLA,), numbers=(NUMBER,), music_directory="/var/lib/queueback/music"
    )
    put_tones(state / "pbx")
    async with Pbx(plan, state) as running:
        yield running


def put_tones(directory: Path) -> None:
    """Give each sound of the dialplan a tone of its own."""
    for name, file, seconds in (
        (MUSIC, "music/tone.ulaw", 60),
        (SENTENCE, "sounds/system/one-moment.ulaw", SENTENCE_MS / 1000),
        (GOODBYE, "sounds/system/goodbye.ulaw", 1),
    ):
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_ulaw(tones(TONES[name], seconds=seconds)))
        for folder in path.parents:
            folder.chmod(0o755)
            if folder == directory:
                break


def server(plan: PbxPlan) -> tuple[str, int]:
    return plan.sip_address, plan.sip_port


@dataclass
class To:
    """A controller that answers each leg and sends it to a place."""

    place: str
    answer: bool = True

    async def __call__(self, call: AgiCall) -> None:
        if self.answer:
            await call.command("ANSWER")
        await call.command(f"SET VARIABLE {dialplan.Variable.NEXT} {self.place}")


@pytest_asyncio.fixture
async def caller(pbx: Pbx) -> AsyncIterator[Phone]:
    plan = pbx.plan
    async with Phone(
        "Carla", number=CARLA.endpoint, secret=CARLA.secret, server=server(plan)
    ) as phone:
        yield phone


@pytest_asyncio.fixture
async def manager(pbx: Pbx) -> AsyncIterator[Manager]:
    async with Manager(pbx.plan, pbx.plan.control_user) as session:
        await session.ask("Setvar", Variable=dialplan.Variable.HEARTBEAT, Value=FOR_EVER)
        yield session


def longer_than(seconds: float, recording: Recording) -> bool:
    return recording.seconds > seconds


def timeline(recording: Recording) -> Timeline:
    return listen(recording.pcm, hertz=TONES)


async def hears(call: Call, name: str, ms: int, *, within: float = 8) -> None:
    """Wait until this was heard for so long in all."""
    await call.heard.until(lambda r: timeline(r).ms(name) >= ms, within=within)


async def at(pbx: Pbx, caller: Phone, place: str) -> tuple[Call, str]:
    """The caller's answered call at a place, and the leg's id on the switch."""
    async with AgiServer(pbx.plan, To(place)) as controller:
        call = caller.call(NUMBER.number)
        entry = await controller.entered()
        await call.answered(within=5)
    return call, entry.headers["agi_uniqueid"]


async def move(manager: Manager, leg: str, place: str) -> None:
    headers = {"Channel": leg, "Context": "places", "Exten": place, "Priority": "1"}
    while (await manager.ask("Redirect", **headers))["Response"] != "Success":
        pass


# --- places -------------------------------------------------------------------------------------


async def test_music_on_hold_has_no_gap_where_its_slices_meet(
    pbx: Pbx, caller: Phone, manager: Manager
) -> None:
    call, _ = await at(pbx, caller, dialplan.HOLD)

    await call.heard.until(lambda r: r.seconds > 12, within=16)

    heard = timeline(call.heard)
    assert heard.ms(MUSIC) > 11_000, heard
    assert heard.longest_ms(SILENCE) < 200, heard


async def test_ringing_stops_in_quiet_and_in_a_room(
    pbx: Pbx, caller: Phone, manager: Manager
) -> None:
    for place in (dialplan.QUIET, "room-k1"):
        call, leg = await at(pbx, caller, dialplan.RING)
        await hears(call, RINGBACK, 500)
        await move(manager, leg, place)
        await hears(call, SILENCE, 1000)
        call.hang_up()
        await call.ended(within=5)

        heard = timeline(call.heard)
        ringing = heard.last_ms(RINGBACK)
        assert ringing is not None
        assert heard.longest_ms(RINGBACK) < 1900, heard  # cut short; a whole ring is 2 s


async def test_a_code_may_be_answered_at_once_by_a_move(
    pbx: Pbx, caller: Phone, manager: Manager
) -> None:
    call, leg = await at(pbx, caller, dialplan.RING)
    await manager.ask("Setvar", Channel=leg, Variable=dialplan.Variable.MENU, Value="codes")
    for number in range(10):
        await hears(call, RINGBACK, 400 * (number + 1), within=20)
        await call.press(f"{number}*{number}")
        told = await manager.event("UserEvent", UserEvent=dialplan.UserEvent.FEATURE_CODE)
        assert (told["Leg"], told["Code"]) == (leg, f"*{number}")

        await move(manager, leg, "room-k1")

        await manager.event("ConfbridgeJoin", Conference="k1", Uniqueid=leg)
        begun = call.heard.seconds
        await call.heard.until(partial(longer_than, begun + 0.7), within=5)
        assert listen(call.heard.latest(0.4), hertz=TONES).ms(SILENCE) >= 380
        await move(manager, leg, dialplan.RING)


async def test_a_code_of_somebody_else_is_none(pbx: Pbx, caller: Phone, manager: Manager) -> None:
    call, _ = await at(pbx, caller, dialplan.RING)
    await hears(call, RINGBACK, 200)

    await call.press("*1")
    await hears(call, RINGBACK, 3000, within=15)

    (start, end), *_ = timeline(call.heard).spans(RINGBACK)
    assert end - start > 1800, "the ringing went on"
    assert not [e for e in manager.events if e.get("UserEvent") == dialplan.UserEvent.FEATURE_CODE]


async def test_a_lost_leg_is_reported_and_hears_music(
    pbx: Pbx, caller: Phone, manager: Manager
) -> None:
    call, leg = await at(pbx, caller, "no-such-place")

    lost = await manager.event("UserEvent", UserEvent=dialplan.UserEvent.LEG_LOST)
    await hears(call, MUSIC, 500)

    assert lost["Leg"] == leg


async def test_b11_reorder_is_fast_busy_before_and_after_an_answer(pbx: Pbx, caller: Phone) -> None:
    for answer in (False, True):
        async with AgiServer(pbx.plan, To(dialplan.REORDER, answer=answer)):
            call = caller.call(NUMBER.number)
            await call.ended(within=8)

        heard = timeline(call.heard)
        assert heard.heard() <= {REORDER, SILENCE, SOUND}, heard
        assert len(heard.spans(REORDER)) >= 5, heard
        assert heard.ms(REORDER) > 1200, heard
        assert bool(call.answered_at) is answer


async def test_a_goodbye_is_a_sentence_and_the_end(
    pbx: Pbx, caller: Phone, manager: Manager
) -> None:
    call, _ = await at(pbx, caller, dialplan.GOODBYE)
    await call.ended(within=5)

    assert timeline(call.heard).longest_ms(GOODBYE) > 900
    assert not call.ended_by_us


# --- without the controller ---------------------------------------------------------------------


async def test_a8_without_the_controller_a_caller_hears_a_sentence_once_and_then_music(
    pbx: Pbx, caller: Phone
) -> None:
    call = caller.call(NUMBER.number)
    await hears(call, MUSIC, 4000)
    async with AgiServer(pbx.plan, To(dialplan.BYE)) as controller:
        entry = await controller.entered()
        await call.ended(within=5)

    heard = timeline(call.heard)
    assert SENTENCE_MS - 100 < heard.ms(SENTENCE) < SENTENCE_MS + 200, heard
    assert (heard.last_ms(SENTENCE) or 0) <= (heard.first_ms(MUSIC) or 0), heard
    assert int(entry.arguments[2]) in range(4, 8)


async def test_a8_a_controller_that_dies_in_a_prompt_leaves_no_silence(
    pbx: Pbx, caller: Phone
) -> None:
    async def die(call: AgiCall) -> None:
        await call.command("ANSWER")
        await call.command("SET VARIABLE CHANNEL(musicclass) default")

    async with AgiServer(pbx.plan, die):
        call = caller.call(NUMBER.number)
        await hears(call, MUSIC, 2000)

    assert timeline(call.heard).longest_ms(SILENCE) < 500


async def test_a8_a_name_that_was_set_before_a_move_is_not_followed_later(
    pbx: Pbx, caller: Phone, manager: Manager
) -> None:
    async def name_and_stay(call: AgiCall) -> None:
        await call.command("ANSWER")
        await call.command(f"SET VARIABLE {dialplan.Variable.NEXT} {dialplan.BYE}")
        await call.command("WAIT FOR DIGIT -1")

    async with AgiServer(pbx.plan, name_and_stay) as controller:
        call = caller.call(NUMBER.number)
        entry = await controller.entered()
        leg = entry.headers["agi_uniqueid"]
        await call.answered(within=5)
        await move(manager, leg, dialplan.HOLD)
        await hears(call, MUSIC, 300)
    await move(manager, leg, dialplan.agi(dialplan.Script.LEG))

    await hears(call, SENTENCE, 500)
    assert not call.ended_at


@pytest.mark.full
@pytest.mark.timeout(120)
async def test_a8_a_caller_hears_a_goodbye_after_a_minute(pbx: Pbx, caller: Phone) -> None:
    call = caller.call(NUMBER.number)
    await call.ended(within=75)

    heard = timeline(call.heard)
    assert 58 < call.ended_at - call.answered_at < 70
    assert heard.longest_ms(GOODBYE) > 900
    assert heard.ms(SENTENCE) < SENTENCE_MS + 200
    assert heard.longest_ms(SILENCE) < 500


@pytest.mark.full
@pytest.mark.timeout(260)
@pytest.mark.parametrize("place", [dialplan.QUIET, dialplan.RING])
async def test_a_whispering_partner_is_waited_for_three_minutes(
    pbx: Pbx, caller: Phone, manager: Manager, place: str
) -> None:
    call, leg = await at(pbx, caller, place)

    lost = await manager.event("UserEvent", within=200, UserEvent=dialplan.UserEvent.LEG_LOST)

    assert lost["Leg"] == leg
    assert call.heard.seconds > 175


# --- a trunk by registration --------------------------------------------------------------------


async def test_h1_a_registered_trunk_carries_calls_both_ways(pbx: Pbx, tmp_path: Path) -> None:
    provider = pbx.plan
    login = Registration(
        username=CARLA.endpoint, secret=CARLA.secret, called_as=NUMBER.spellings[0]
    )
    trunk = Trunk(
        name="provider", host=provider.sip_address, port=provider.sip_port, registration=login
    )
    plan = loopback_plan(numbers=(NUMBER,), trunks=(trunk,))
    leg = {"Context": "places", "Exten": "hold", "Priority": "1", "Async": "true"}
    async with (
        Manager(provider, provider.control_user) as theirs,
        AgiServer(provider, To(dialplan.HOLD)) as their_controller,
        AgiServer(plan, To(dialplan.HOLD)) as our_controller,
        Pbx(plan, tmp_path),
        Manager(plan, plan.control_user) as ours,
    ):
        await theirs.event("ContactStatus", EndpointName="carla", ContactStatus="Reachable")
        await theirs.ask("Originate", Channel="PJSIP/carla", ChannelId="theirs", **leg)
        inbound = await our_controller.entered()
        dial = f"PJSIP/{NUMBER.number}@provider"
        await ours.ask("Originate", Channel=dial, ChannelId="ours", **leg)
        outbound = await their_controller.entered()
        answer = await ours.event("OriginateResponse", Uniqueid="ours")
        listed = await ours.ask("PJSIPShowRegistrationsOutbound")
        registration = await ours.event("OutboundRegistrationDetail")

    assert inbound.headers["agi_channel"].startswith("PJSIP/provider-")
    assert inbound.arguments[0] == NUMBER.number
    assert outbound.headers["agi_channel"].startswith("PJSIP/carla-")
    assert (answer["Response"], answer["Reason"]) == ("Success", "4")
    assert listed["Response"] == "Success"
    assert registration["Status"] == "Registered"
