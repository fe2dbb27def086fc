"""The test phones and SIPp on the real switch: what every acceptance test takes for granted."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from ivr.domain.ids import E164, Endpoint
from ivr.ports.provisioning import AgentPhone, CallerAccount, InboundNumber, PbxPlan, Trunk
from ivr.telephony import dialplan
from tests.hearing.tones import AGENT, CUSTOMER, HERTZ, listen
from tests.pbx import Pbx, free_port, loopback_plan
from tests.pbx_peers import AgiCall, AgiServer, Manager
from tests.phones import (
    Answer,
    DeadlineMissed,
    Ignore,
    Line,
    Phone,
    Recording,
    Reject,
    Ring,
    Stack,
    tone,
)
from tests.sipp.scenes import load
from tests.sipp.site import Place, Site

pytestmark = pytest.mark.acceptance

ANNA: Final = AgentPhone(endpoint=Endpoint("anna"), secret="anna-secret", display_name="Anna")
CARLA: Final = CallerAccount(
    endpoint=Endpoint("carla"), secret="carla-secret", number=E164("+4917012345")
)
DID: Final = InboundNumber(number=E164("+15550100"), spellings=("+15550100",))
CARRIER: Final = "127.0.0.23"
NUMBER: Final = "+12025559876"
OURS: Final = "+18005550199"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    carrier = Trunk(name="carrier", host=CARRIER, port=free_port(), addresses=(CARRIER,))
    plan = loopback_plan(agents=(ANNA,), callers=(CARLA,), numbers=(DID,), trunks=(carrier,))
    async with Pbx(plan, tmp_path_factory.mktemp("state")) as running:
        yield running


def server(plan: PbxPlan) -> tuple[str, int]:
    return plan.sip_address, plan.sip_port


def hears(name: str, ms: int) -> Callable[[Recording], bool]:
    return lambda recording: listen(recording.latest(1)).longest_ms(name) >= ms


@asynccontextmanager
async def a_customer(plan: PbxPlan) -> AsyncIterator[Phone]:
    """One customer on the carrier's line."""
    async with (
        Line(CARRIER, plan.trunks[0].port) as line,
        Phone("customer", number=NUMBER, line=line, says=tone(HERTZ[CUSTOMER])) as phone,
    ):
        yield phone


async def dial(manager: Manager, channel: str, leg: str, *, timeout_ms: int = 30000) -> None:
    await manager.ask(
        "Originate",
        Channel=channel,
        ChannelId=leg,
        CallerID=f'"Acme" <{OURS}>',
        Variable="PJSIP_HEADER(add,X-Contact-Id)=k1",
        Context="places",
        Exten="room-k1",
        Priority="1",
        Timeout=str(timeout_ms),
        Async="true",
    )


async def read_keys(call: AgiCall) -> None:
    """Take a key, then a number, as a flow does; leave them in ``call.headers``."""
    await call.command("ANSWER")
    for name, most in (("first", 1), ("number", 15)):
        await call.command('SET VARIABLE "TIMEOUT(response)" 8')
        await call.command('SET VARIABLE "TIMEOUT(digit)" 5')
        ends = "#" if most > 1 else ""
        await call.command(f'EXEC Read "KEYED,,{most},t({ends})"')
        call.headers[name] = await call.variable("KEYED")
    await call.command(f"SET VARIABLE IVR_NEXT {dialplan.BYE}")


async def test_an_agent_of_another_stack_and_a_customer_talk(pbx: Pbx) -> None:
    async with (
        Manager(pbx.plan, pbx.plan.control_user) as manager,
        a_customer(pbx.plan) as customer,
        Stack() as stack,
        await stack.phone(
            "Anna",
            number=ANNA.endpoint,
            secret=ANNA.secret,
            server=server(pbx.plan),
            says=tone(HERTZ[AGENT]),
        ) as agent,
    ):
        await agent.register()
        agent.will(Answer(after=0.2))
        await dial(manager, f"PJSIP/{ANNA.endpoint}", "k1-a1")
        accepted = await agent.answered(within=5)
        await dial(manager, f"PJSIP/{NUMBER}@carrier", "k1-c1")
        answered = await customer.answered(within=5)

        await answered.heard.until(hears(AGENT, 300), within=5)
        await accepted.heard.until(hears(CUSTOMER, 300), within=5)
        offer = agent.invites[0]
        asked = customer.invites[0]
        answered.hang_up()
        accepted.hang_up()
        await agent.unregister()

    assert listen(answered.heard.pcm).ms(CUSTOMER) == 0
    assert listen(accepted.heard.pcm).ms(AGENT) == 0
    assert (offer.caller_name, offer.caller_number) == ("Acme", OURS)
    assert offer.header("X-Contact-Id") == "k1"
    assert asked.dialled == NUMBER
    assert (asked.caller_name, asked.caller_number) == ("Acme", OURS)
    assert (asked.asserted_name, asked.asserted_number) == ("Acme", OURS)
    assert len(customer.line.invites) == 1


async def test_keys_of_every_kind_of_phone_are_read(pbx: Pbx) -> None:
    async with AgiServer(pbx.plan, read_keys) as controller:
        async with Phone("trunk caller", address=(CARRIER, 0), server=server(pbx.plan)) as caller:
            call = caller.call(DID.number, caller_id="+12025550000")
            await call.answered(within=5)
            await call.press("1")
            await call.press("2025559988#")
            await call.ended(within=5)
        async with (
            Stack() as stack,
            await stack.phone(
                "Carla", number=CARLA.endpoint, secret=CARLA.secret, server=server(pbx.plan)
            ) as other,
        ):
            again = other.call(DID.number)
            await again.answered(within=5)
            await again.press("1")
            await again.press("9876543210#")
            await again.ended(within=5)

    assert [(call.headers["first"], call.headers["number"]) for call in controller.calls] == [
        ("1", "2025559988"),
        ("1", "9876543210"),
    ]


@pytest.mark.parametrize(
    ("policy", "reason", "code"),
    [
        (Reject(486), "0", "486"),
        (Reject(603), "0", "603"),
        (Reject(404), "0", "404"),
        (Reject(503), "0", "503"),
        (Reject(480, after=0.2), "0", "480"),
        (Ring(), "3", "480"),
        (Ignore(), "3", "480"),
    ],
)
async def test_the_switch_tells_what_became_of_a_dial(
    pbx: Pbx, policy: Reject | Ring | Ignore, reason: str, code: str
) -> None:
    async with (
        Manager(pbx.plan, pbx.plan.control_user) as manager,
        a_customer(pbx.plan) as customer,
    ):
        customer.will(policy)
        await dial(manager, f"PJSIP/{NUMBER}@carrier", "k2-c1", timeout_ms=1500)
        response = await manager.event("OriginateResponse", within=8)
        ended = await manager.event("Hangup", within=8, Uniqueid="k2-c1")

    assert (response["Reason"], ended["TechCause"]) == (reason, code)
    assert len(customer.line.invites) == 1
    assert [call.cancelled for call in customer.calls] == (
        [] if isinstance(policy, Ignore) else [isinstance(policy, Ring)]
    )


async def test_a_wrong_secret_registers_nobody(pbx: Pbx) -> None:
    async with Phone(
        "Anna", number=ANNA.endpoint, secret="wrong", server=server(pbx.plan)
    ) as phone:
        with pytest.raises(DeadlineMissed, match="could not register"):
            await phone.register()


@pytest.mark.skipif(
    shutil.which("sipp") is None or os.geteuid() != 0,
    reason="SIPp plays captures through a raw socket: Debian's sip-tester, as root",
)
@pytest.mark.parametrize("count", [40, pytest.param(400, marks=pytest.mark.full)])
async def test_sipp_callers_are_all_understood(pbx: Pbx, tmp_path: Path, count: int) -> None:
    site = Site(
        target=Place(*server(pbx.plan)),
        did=DID.number,
        caller=Place(CARRIER, 5070),
        customer=Place(CARRIER, pbx.plan.trunks[0].port),
        keys="500:1 500:{number}#",
        caller_id="",
        agent=None,
        folder=tmp_path,
    )
    async with AgiServer(pbx.plan, read_keys) as controller:
        checks = await load(site, count, 20.0, "202555", within=60)

    assert [check for check in checks if not check.passed] == []
    assert len(controller.calls) == count
    wrong = [
        (call.headers["agi_callerid"], call.headers.get("number"))
        for call in controller.calls
        if call.headers.get("number") != call.headers["agi_callerid"]
    ]
    assert wrong == []
