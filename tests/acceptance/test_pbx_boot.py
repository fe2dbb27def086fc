"""The switch as configured: what it loads, whom it lets in, what outsiders can reach."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from ivr.domain.ids import E164, Endpoint
from ivr.ports.provisioning import AgentPhone, CallerAccount, InboundNumber, PbxPlan, Trunk
from ivr.telephony import dialplan
from ivr.telephony.provisioning import EVENTS, RELOADED_BY
from tests.asterisk_config import parse
from tests.pbx import STATIC, Pbx, loopback_plan
from tests.pbx_peers import AgiCall, AgiServer, Manager
from tests.phones import CallFailed, DeadlineMissed, Phone, Reject

pytestmark = pytest.mark.acceptance

ANNA = AgentPhone(endpoint=Endpoint("anna"), secret='anna"#]=secret', display_name="Anna Müller")
CARLA = CallerAccount(endpoint=Endpoint("carla"), secret="carla-secret", number=E164("+4917012345"))
NUMBER = InboundNumber(number=E164("+493012345"), spellings=("+493012345", "03012345"))
CARRIERS = tuple(
    Trunk(name=name, host=address, port=5060, addresses=(address,))
    for name, address in (("carrier", "127.0.0.21"), ("reserve", "127.0.0.22"))
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    plan = loopback_plan(agents=(ANNA,), callers=(CARLA,), numbers=(NUMBER,), trunks=CARRIERS)
    async with Pbx(plan, tmp_path_factory.mktemp("state")) as running:
        yield running


def server(plan: PbxPlan) -> tuple[str, int]:
    return plan.sip_address, plan.sip_port


def agent_phone(plan: PbxPlan) -> Phone:
    return Phone("Anna", number=ANNA.endpoint, secret=ANNA.secret, server=server(plan))


def caller_phone(plan: PbxPlan) -> Phone:
    return Phone("Carla", number=CARLA.endpoint, secret=CARLA.secret, server=server(plan))


async def to_bye(call: AgiCall) -> None:
    await call.command("ANSWER")
    await call.command(f"SET VARIABLE IVR_NEXT {dialplan.BYE}")


# --- boot ---------------------------------------------------------------------------------------


async def test_it_boots_without_complaint(pbx: Pbx) -> None:
    complaints = re.findall(r"^.*(?:ERROR|WARNING).*$", await pbx.logs(), re.MULTILINE)

    assert complaints == []


async def test_every_listed_module_runs(pbx: Pbx) -> None:
    (modules,) = parse((STATIC / "modules.conf").read_text())
    shown = await pbx.console("module show")
    running = set(re.findall(r"^(\S+\.so)\s.*\sRunning\s", shown, re.MULTILINE))

    assert set(modules.all("load")) - running == set()
    assert {name for name in running if "dial.so" in name or "shell" in name} == set()


async def test_accounts_and_trunks_are_there(pbx: Pbx) -> None:
    endpoints = await pbx.console("pjsip show endpoints")
    identifies = await pbx.console("pjsip show identifies")
    logins = await pbx.console("pjsip show auths")

    assert set(re.findall(r"Endpoint:\s+([a-z]+)", endpoints)) == {
        *("anna", "carla", "carrier", "reserve")
    }
    assert {"127.0.0.21/32", "127.0.0.22/32"} == set(re.findall(r"Match:\s+([\d./]+)", identifies))
    assert set(re.findall(r"Auth:\s+(\w+)/", logins)) == {"anna", "carla"}


async def test_it_comes_back_after_a_crash(tmp_path: Path) -> None:
    pbx = Pbx(loopback_plan(), tmp_path)
    async with pbx:
        await pbx.kill()
        await pbx.start()

        assert "Asterisk 22" in await pbx.console("core show version")


# --- the management interface -------------------------------------------------------------------


async def test_the_controller_may_do_its_work(pbx: Pbx) -> None:
    async with Manager(pbx.plan, pbx.plan.control_user) as manager:
        leg = {"Channel": "no-such-leg"}
        for action, headers, answer in (
            ("Ping", {}, "Pong"),
            ("Setvar", {"Variable": "IVR_HEARTBEAT", "Value": "1"}, "Variable Set"),
            ("Getvar", {"Variable": "IVR_HEARTBEAT"}, None),
            ("CoreShowChannels", {}, "will follow"),
            ("CoreStatus", {}, None),
            ("Status", {}, "will follow"),
            ("DeviceStateList", {}, "will follow"),
            ("PJSIPShowRegistrationsOutbound", {}, "Following are"),
            ("ConfbridgeList", {"Conference": "k1"}, "No active conferences"),
            ("Redirect", {**leg, "Exten": "hold", "Context": "places", "Priority": "1"}, "exist"),
            ("Hangup", leg, "No such channel"),
        ):
            reply = await manager.ask(action, **headers)
            assert answer is None or re.search(
                answer, reply["Message" if "Message" in reply else "Ping"]
            ), action
            assert "ermission" not in reply.get("Message", ""), action


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        ("Command", {"Command": "core show version"}),
        ("UpdateConfig", {"SrcFilename": "pjsip.conf", "DstFilename": "pjsip.conf"}),
        ("GetConfig", {"Filename": "manager.conf"}),
        ("Reload", {"Module": "res_pjsip.so"}),
        ("ModuleLoad", {"LoadType": "load", "Module": "func_shell.so"}),
        ("DBPut", {"Family": "x", "Key": "y", "Val": "z"}),
        ("DialplanExtensionAdd", {"Context": "inbound", "Extension": "1", "Priority": "1"}),
        ("MixMonitor", {"Channel": "x"}),
    ],
)
async def test_the_controller_may_do_no_more(
    pbx: Pbx, action: str, headers: dict[str, str]
) -> None:
    async with Manager(pbx.plan, pbx.plan.control_user) as manager:
        reply = await manager.ask(action, **headers)

    assert reply["Response"] == "Error"
    assert re.search("Permission denied|Invalid/unknown command", reply["Message"])


async def test_the_controller_starts_no_program_by_an_originate(pbx: Pbx) -> None:
    async with Manager(pbx.plan, pbx.plan.control_user) as manager:
        reply = await manager.ask(
            "Originate", Channel="PJSIP/carla", Application="System", Data="id", Async="true"
        )

    assert reply["Response"] == "Error"


async def test_a_value_of_a_variable_is_no_function(pbx: Pbx) -> None:
    async with Manager(pbx.plan, pbx.plan.control_user) as manager:
        reply = await manager.ask("Setvar", Variable="SHELL(id)", Value="x")
        read = await manager.ask("Getvar", Variable="FILE(/etc/passwd,0,9)")

    assert reply["Response"] == "Error"
    assert read.get("Value", "") == ""


async def test_the_provisioner_may_reload_each_generated_file_and_nothing_else(pbx: Pbx) -> None:
    async with Manager(pbx.plan, pbx.plan.provision_user) as manager:
        for module in RELOADED_BY.values():
            reply = await manager.ask("Reload", Module=module)
            assert reply["Response"] == "Success", module
        for action, headers in (
            ("Originate", {"Channel": "PJSIP/carla", "Exten": "hold", "Context": "places"}),
            ("Setvar", {"Variable": "IVR_HEARTBEAT", "Value": "1"}),
            ("CoreShowChannels", {}),
            ("Hangup", {"Channel": "x"}),
            ("Command", {"Command": "core show version"}),
        ):
            reply = await manager.ask(action, **headers)
            assert reply["Message"] == "Permission denied", action
        change = {"Action-000000": "NewCat", "Cat-000000": "evil"}
        files = {"SrcFilename": "pjsip.conf", "DstFilename": "pjsip.conf"}
        reply = await manager.ask("UpdateConfig", **files, **change)
        assert (reply["Response"], reply["Message"]) == ("Error", "Save of config failed")


async def test_a_wrong_secret_or_name_is_refused(pbx: Pbx) -> None:
    for user in (
        replace(pbx.plan.control_user, secret="wrong-secret"),
        replace(pbx.plan.control_user, name="admin"),
    ):
        with pytest.raises(PermissionError, match="Authentication failed"):
            async with Manager(pbx.plan, user):
                pass


async def test_a_new_account_works_after_a_reload_and_a_removed_one_no_longer(
    tmp_path: Path,
) -> None:
    plan = loopback_plan(agents=(ANNA,))
    berta = AgentPhone(endpoint=Endpoint("berta"), secret="berta-secret", display_name="Berta")
    async with Pbx(plan, tmp_path) as pbx, Manager(plan, plan.provision_user) as manager:
        changed = pbx.provision(replace(plan, agents=(berta,), numbers=(NUMBER,)))
        for file in changed:
            assert (await manager.ask("Reload", Module=RELOADED_BY[file]))["Response"] == "Success"

        assert changed == {"pjsip.conf", "extensions.conf"}
        async with Phone(
            "Berta", number="berta", secret=berta.secret, server=server(plan)
        ) as phone:
            await phone.register()
        async with agent_phone(plan) as gone:
            with pytest.raises(DeadlineMissed, match="could not register"):
                await gone.register()
        assert "+493012345" in await pbx.console("dialplan show inbound")


# --- outsiders ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialled", ["+493012345", "agi-inbound", "hold", "*81", "+18005550100"])
async def test_a_stranger_is_never_answered(pbx: Pbx, dialled: str) -> None:
    async with Phone("Mallory", number="mallory", server=server(pbx.plan)) as stranger:
        call = stranger.call(dialled)
        with pytest.raises(CallFailed):
            await call.answered(within=5)

    assert call.status in {401, 404}


async def test_a_stranger_with_a_known_name_is_challenged(pbx: Pbx) -> None:
    for name in ("anna", "carla", "carrier"):
        async with Phone("Mallory", number=name, server=server(pbx.plan)) as stranger:
            call = stranger.call("+493012345")
            await call.ended(within=5)
        assert call.status == 401


@pytest.mark.parametrize(
    "dialled",
    ["+4930123456", "+49301234", "+18005550100", "hold", "room-k1", "agi-inbound", "*81", "s", "i"],
)
async def test_a1_a_number_that_is_not_the_sites_is_refused(pbx: Pbx, dialled: str) -> None:
    async with (
        caller_phone(pbx.plan) as caller,
        Phone("Trunk", line=None, address=("127.0.0.21", 0), server=server(pbx.plan)) as trunk,
    ):
        for phone in (caller, trunk):
            call = phone.call(dialled, caller_id="+4915112345")
            with pytest.raises(CallFailed):
                await call.answered(within=5)
            assert call.status == 404


@pytest.mark.parametrize("dialled", ["+493012345", "+18005550100", "hold", "*", "*8123", "anna"])
async def test_an_agents_phone_dials_feature_codes_only(pbx: Pbx, dialled: str) -> None:
    async with agent_phone(pbx.plan) as agent:
        call = agent.call(dialled)
        with pytest.raises(CallFailed):
            await call.answered(within=5)

    assert call.status == 404


async def test_a9_a_caller_account_reaches_a_number_and_cannot_show_another(pbx: Pbx) -> None:
    async with AgiServer(pbx.plan, to_bye) as controller, caller_phone(pbx.plan) as caller:
        call = caller.call("03012345", caller_id="+4912345", caller_name="Chancellor")
        entry = await controller.entered()
        await call.ended(within=5)

    assert entry.script == "inbound"
    assert entry.arguments == ["+493012345", "", "0", ""]
    assert entry.headers["agi_callerid"] == CARLA.number
    assert entry.headers["agi_calleridname"] == "unknown"
    assert entry.headers["agi_channel"].startswith("PJSIP/carla-")
    assert entry.headers["agi_extension"] == "agi-inbound"


async def test_a_call_of_each_trunk_is_known_by_its_address(pbx: Pbx) -> None:
    async with AgiServer(pbx.plan, to_bye) as controller:
        for trunk in CARRIERS:
            address = (trunk.host, 0)
            async with Phone("Caller", address=address, server=server(pbx.plan)) as caller:
                call = caller.call("+493012345", caller_id="+4915112345", caller_name="Bob")
                entry = await controller.entered()
                await call.ended(within=5)

            assert entry.headers["agi_channel"].startswith(f"PJSIP/{trunk.name}-")
            assert entry.headers["agi_callerid"] == "+4915112345"
            assert entry.headers["agi_calleridname"] == "Bob"


async def test_an_agents_feature_code_reaches_the_controller(pbx: Pbx) -> None:
    async with AgiServer(pbx.plan, to_bye) as controller, agent_phone(pbx.plan) as agent:
        call = agent.call("*81")
        entry = await controller.entered()
        await call.ended(within=5)

    assert (entry.script, entry.arguments) == ("feature", ["", "*81", "0", "codes"])
    assert entry.headers["agi_channel"].startswith("PJSIP/anna-")


# --- what the controller hears ------------------------------------------------------------------


async def test_the_controller_hears_what_it_needs_and_nothing_else(pbx: Pbx) -> None:
    async with (
        Manager(pbx.plan, pbx.plan.control_user) as manager,
        agent_phone(pbx.plan) as agent,
    ):
        await agent.register()
        await manager.event("ContactStatus", URI=agent.contact, ContactStatus="Reachable")
        await manager.ask(
            "Originate",
            Channel="PJSIP/anna",
            ChannelId="k1-a1",
            CallerID='"Acme" <+493012345>',
            Context="places",
            Exten="room-k1",
            Priority="1",
            Async="true",
        )
        answered = await manager.event("OriginateResponse")
        await manager.event("ConfbridgeJoin", Conference="k1", Uniqueid="k1-a1")
        await manager.ask(
            "Redirect", Channel="k1-a1", Context="places", Exten="nonsense", Priority="1"
        )
        lost = await manager.event("UserEvent", UserEvent=dialplan.UserEvent.LEG_LOST)
        await manager.ask("Hangup", Channel="k1-a1")
        ended = await manager.event("Hangup", Uniqueid="k1-a1")
        await agent.unregister()

    assert answered["Reason"] == "4"
    assert (lost["Leg"], lost["Exten"]) == ("k1-a1", "lost")
    assert ended["Cause"] == "16"
    assert {e["Event"] for e in manager.events if "ActionID" not in e} <= set(EVENTS)
    (invite,) = agent.invites
    assert (invite.caller_number, invite.caller_name) == ("+493012345", "Acme")
    assert (invite.asserted_number, invite.asserted_name) == ("+493012345", "Acme")


async def test_c5_a_phone_that_goes_is_noticed(pbx: Pbx) -> None:
    async with Manager(pbx.plan, pbx.plan.control_user) as manager:
        assert await device_state(manager, "anna") == "UNAVAILABLE"
        async with agent_phone(pbx.plan) as agent:
            await agent.register()
            await manager.event("ContactStatus", URI=agent.contact, ContactStatus="Reachable")
            assert await device_state(manager, "anna") == "NOT_INUSE"
        await manager.event("ContactStatus", within=8, ContactStatus="Unreachable")
        # Asterisk computes the device's state a moment after it has said that the contact is gone.
        async with asyncio.timeout(5):
            while await device_state(manager, "anna") != "UNAVAILABLE":
                continue


async def device_state(manager: Manager, endpoint: str) -> str:
    await manager.ask("DeviceStateList")
    await manager.event("DeviceStateListComplete")
    return (await manager.event("DeviceStateChange", Device=f"PJSIP/{endpoint}"))["State"]


async def test_c9_a_redirected_call_goes_nowhere(pbx: Pbx) -> None:
    carrier = CARRIERS[0]
    async with (
        Manager(pbx.plan, pbx.plan.control_user) as manager,
        AgiServer(pbx.plan, to_bye) as controller,
        Phone("Customer", number=NUMBER.number, address=(carrier.host, carrier.port)) as customer,
    ):
        customer.will(Reject(302))  # its Contact names a number of the site, which exists inbound
        await manager.ask(
            "Originate",
            Channel=f"PJSIP/{customer.number}@{carrier.name}",
            ChannelId="k2-c1",
            Context="places",
            Exten="hold",
            Priority="1",
            Async="true",
        )
        answer = await manager.event("OriginateResponse")
        redirected = await manager.event("DialEnd", DestUniqueid="k2-c1")
        await manager.event("Hangup", Uniqueid="k2-c1")

    assert answer["Response"] == "Failure"
    assert redirected["Forward"] == NUMBER.number
    assert len(customer.invites) == 1
    assert controller.calls == []


# --- without the controller ---------------------------------------------------------------------


async def test_a8_a_leg_waits_for_the_controller_and_comes_back(pbx: Pbx) -> None:
    async with caller_phone(pbx.plan) as caller:
        call = caller.call("+493012345")
        await call.answered(within=5)
        async with AgiServer(pbx.plan, to_bye) as controller:
            entry = await controller.entered()
            await call.ended(within=5)

    assert int(entry.arguments[2]) >= 1
    assert entry.arguments[0] == "+493012345"


async def test_a8_a_controller_that_refuses_is_asked_again(pbx: Pbx) -> None:
    async def refuse_twice(call: AgiCall) -> None:
        if call.arguments[2] == "2":
            await to_bye(call)

    async with AgiServer(pbx.plan, refuse_twice) as controller, caller_phone(pbx.plan) as caller:
        call = caller.call("+493012345")
        await call.ended(within=10)

    assert [entry.arguments[2] for entry in controller.calls] == ["0", "1", "2"]


async def test_b11_reorder_before_an_answer_is_early_media_then_refusal(pbx: Pbx) -> None:
    async def to_reorder(call: AgiCall) -> None:
        await call.command(f"SET VARIABLE IVR_NEXT {dialplan.REORDER}")

    async with AgiServer(pbx.plan, to_reorder), caller_phone(pbx.plan) as caller:
        call = caller.call("+493012345")
        await call.ringing(within=5)
        await call.ended(within=6)

    assert (call.status, call.answered_at) == (503, 0.0)
    assert 2.5 < call.ended_at - call.rang_at < 4


async def test_b11_reorder_after_an_answer_is_heard_in_the_call(pbx: Pbx) -> None:
    async def to_reorder(call: AgiCall) -> None:
        await call.command("ANSWER")
        await call.command(f"SET VARIABLE IVR_NEXT {dialplan.REORDER}")

    async with AgiServer(pbx.plan, to_reorder), caller_phone(pbx.plan) as caller:
        call = caller.call("+493012345")
        await call.answered(within=5)
        await call.ended(within=6)

    assert 2.5 < call.ended_at - call.answered_at < 4
    assert 2 < call.heard.seconds < 4


async def test_a8_a_waiting_leg_is_let_go_when_the_controller_is_dead(pbx: Pbx) -> None:
    async def to_hold(call: AgiCall) -> None:
        await call.command("ANSWER")
        await call.command(f"SET VARIABLE IVR_NEXT {dialplan.HOLD}")

    async with (
        Manager(pbx.plan, pbx.plan.control_user) as manager,
        AgiServer(pbx.plan, to_hold),
        caller_phone(pbx.plan) as caller,
    ):
        await manager.ask("Setvar", Variable="IVR_HEARTBEAT", Value="1000000000")
        call = caller.call("+493012345")
        await call.answered(within=5)
        await call.ended(within=14)

    assert call.heard.seconds > 8
    assert not call.ended_by_us


async def test_no_place_loses_a_leg_at_once(pbx: Pbx) -> None:
    async with Manager(pbx.plan, pbx.plan.control_user) as manager, agent_phone(pbx.plan) as agent:
        await manager.ask("Setvar", Variable="IVR_HEARTBEAT", Value=str(4_000_000_000))
        await agent.register()
        leg = {"Context": "places", "Priority": "1"}
        await manager.ask(
            "Originate", Channel="PJSIP/anna", ChannelId="k3-a1", Exten="hold", Async="true", **leg
        )
        await manager.event("OriginateResponse", Response="Success")
        for name in (dialplan.RING, dialplan.QUIET, dialplan.LOST, "room-k3", dialplan.HOLD):
            while True:
                reply = await manager.ask("Redirect", Channel="k3-a1", Exten=name, **leg)
                if reply["Response"] == "Success":
                    break
            async with asyncio.timeout(5):
                while (await where(manager, "k3-a1")) != name:
                    pass
        await manager.ask("Hangup", Channel="k3-a1")
        await agent.unregister()

    assert agent.calls[0].answered_at


async def where(manager: Manager, leg: str) -> str:
    """The place that a leg is at."""
    await manager.ask("CoreShowChannels")
    while True:
        entry = await manager.event("CoreShowChannel")
        if entry["Uniqueid"] == leg:
            await manager.event("CoreShowChannelsComplete")
            return entry["Exten"]


async def test_i12_the_log_of_all_this_holds_no_number_and_no_secret(pbx: Pbx) -> None:
    log = await pbx.logs()
    users = (pbx.plan.control_user, pbx.plan.provision_user)

    assert "res_agi.c" in log  # something was logged, by the legs that found no controller
    known = r"\d{4}-\d\d-\d\d \S+|-[0-9a-f]{8}\b|PBX UUID: \S+"
    assert not re.search(r"\+?\d{8,}", re.sub(known, "", log))
    assert not any(a.secret in log for a in (ANNA, CARLA, *users))
