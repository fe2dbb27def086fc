"""SIPp's scenarios against our own phone, which counts what arrives."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.phones import Line, Phone
from tests.phones.call import PhoneCall
from tests.phones.message import request, user_of
from tests.phones.registrar import Registrar
from tests.sipp.program import Sipp, why_missing
from tests.sipp.scenes import REGISTERS, RINGS, answering, load, refusing
from tests.sipp.site import Place, Site

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(why_missing()), reason=why_missing()),
]

CUSTOMER = Place("127.0.0.33", 5099)
AT = ["-i", CUSTOMER.host, "-mi", CUSTOMER.host, "-p", str(CUSTOMER.port), "-m", "1"]


def site(phone: Phone, folder: Path) -> Site:
    return Site(
        target=Place(phone.line.host, phone.line.port),
        did="+15550100",
        caller=Place("127.0.0.29", 5070),
        customer=CUSTOMER,
        keys="300:1 300:{number}#",
        caller_id="",
        agent=None,
        folder=folder,
    )


async def hang_up_when_keyed(desk: Phone, count: int) -> None:
    """Serve so many callers: each is let go once ``#`` was pressed."""

    async def serve(call: PhoneCall) -> None:
        await call.heard.until(lambda _: call.digits.endswith("#"), within=20)
        call.hang_up()

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(serve(await desk.answered(within=20)))


async def test_every_caller_keys_what_its_from_says(tmp_path: Path) -> None:
    async with Phone("did", says=None) as desk, asyncio.TaskGroup() as group:
        group.create_task(hang_up_when_keyed(desk, 30))

        checks = await load(site(desk, tmp_path), 30, 20.0, "202555", within=30)

        assert [check for check in checks if not check.passed] == []
        keyed = {
            call.invite.caller_number: call.digits for call in desk.calls if call.invite is not None
        }
    assert len(keyed) == 30
    assert keyed == {number: f"1{number}#" for number in keyed}


def caller() -> Phone:
    return Phone("pbx", number="+18005550199", server=(CUSTOMER.host, CUSTOMER.port))


async def test_an_answering_customer_shows_the_invite_that_it_got(tmp_path: Path) -> None:
    scenario = answering(tmp_path, ring_ms=300, talk_ms=500)
    async with caller() as pbx, Sipp(tmp_path, scenario, AT, traced=True) as sipp:
        call = pbx.call("+12025559876", caller_id="+18005550199", caller_name="Acme")
        await call.ended(within=5)

        outcome = await sipp.finish(within=5)

    (invite,) = outcome.trace.invites()
    assert outcome.is_clean
    assert call.answered_at - call.rang_at == pytest.approx(0.3, abs=0.2)
    assert call.ended_at - call.answered_at == pytest.approx(0.5, abs=0.2)
    assert user_of(invite.message.uri) == "+12025559876"
    assert user_of(invite.message["P-Asserted-Identity"]) == "+18005550199"


async def test_a_ringing_customer_is_given_up(tmp_path: Path) -> None:
    async with caller() as pbx, Sipp(tmp_path, RINGS, AT, traced=True) as sipp:
        call = pbx.call("+12025559876")
        await call.ringing(within=5)
        call.hang_up()
        await call.ended(within=5)

        outcome = await sipp.finish(within=5)

    assert outcome.is_clean
    assert (call.status, len(outcome.trace.received("CANCEL"))) == (487, 1)


@pytest.mark.parametrize("status", [404, 486, 503, 603])
async def test_a_refusing_customer_sends_its_code(tmp_path: Path, status: int) -> None:
    scenario = refusing(tmp_path, status)
    async with caller() as pbx, Sipp(tmp_path, scenario, AT, traced=True) as sipp:
        call = pbx.call("+12025559876")
        await call.ended(within=5)

        outcome = await sipp.finish(within=5)

    assert outcome.is_clean
    assert (call.status, len(outcome.trace.invites())) == (status, 1)


async def test_an_agent_registers_by_digest(tmp_path: Path) -> None:
    registrar = Registrar(user="1001", secret="right")
    words = [f"{registrar.host}:{registrar.port}", "-s", "1001", "-au", "1001", "-ap", "right"]
    async with Sipp(tmp_path, REGISTERS, [*words, *AT]) as sipp:
        outcome = await sipp.finish(within=5)

    registrar.close()
    assert outcome.is_clean
    assert registrar.registered == ["<sip:1001@127.0.0.33:5099>"]


async def test_a_wrong_secret_of_an_agent_is_a_failed_run(tmp_path: Path) -> None:
    registrar = Registrar(user="1001", secret="right")
    words = [f"{registrar.host}:{registrar.port}", "-s", "1001", "-au", "1001", "-ap", "wrong"]
    async with Sipp(tmp_path, REGISTERS, [*words, *AT]) as sipp:
        outcome = await sipp.finish(within=5)

    registrar.close()
    assert (outcome.is_clean, outcome.failed) == (False, 1)
    assert outcome.failures == {"FailedUnexpectedMessage": 1}


@pytest.mark.parametrize("kind", ["answers", "rings", "refuses"])
async def test_a_phone_that_is_asked_whether_it_is_there_says_so(tmp_path: Path, kind: str) -> None:
    scenarios = {
        "answers": answering(tmp_path, ring_ms=0, talk_ms=100),
        "rings": RINGS,
        "refuses": refusing(tmp_path, 603),
    }
    async with Line() as line, Sipp(tmp_path, scenarios[kind], AT) as sipp:
        headers = [
            ("Via", line.new_branch()),
            ("From", "<sip:pbx@127.0.0.1>;tag=1"),
            ("To", f"<sip:sipp@{CUSTOMER}>"),
            ("Call-ID", "options-1"),
            ("CSeq", "1 OPTIONS"),
        ]
        options = request("OPTIONS", f"sip:sipp@{CUSTOMER}", headers)
        answer = await line.ask(options, (CUSTOMER.host, CUSTOMER.port))
        outcome = await sipp.finish(within=5)

    assert answer.status == 200
    assert outcome.is_clean
