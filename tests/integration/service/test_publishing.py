"""A site folder becomes live all or not at all, and comes back the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.domain.contact import ContactState
from ivr.domain.errors import InvalidSite, NotFound
from ivr.domain.ids import AgentId, QueueId
from ivr.domain.site import Site
from ivr.flow.defaults import default_source
from ivr.flow.document import load_flow
from ivr.flow.kinds import FlowKind
from ivr.ports.speech import PlainText, Ssml
from ivr.ports.store import SiteObject
from ivr.service.publishing import apply_site, export_site, load_site
from ivr.service.world import LiveSite
from ivr.store.sql_store import SqlStore
from ivr.testing.fake_speech import FakeSpeech
from tests.builders import NOW, a_contact
from tests.centre import SAMPLE_SITE

pytestmark = pytest.mark.integration

SAMPLE: dict[str, Any] = yaml.safe_load((SAMPLE_SITE / "site.yaml").read_text("utf-8"))
Change = Callable[[dict[str, Any]], object]


def a_flow(text: str = "Hello.", **envelope: Any) -> dict[str, Any]:
    """A flow that says something and hangs up."""
    return {
        "Version": "2019-10-30",
        "StartAction": "Say",
        "Actions": [
            {
                "Identifier": "Say",
                "Type": "MessageParticipant",
                "Parameters": {"Text": text},
                "Transitions": {
                    "NextAction": "Bye",
                    "Errors": [{"NextAction": "Bye", "ErrorType": "NoMatchingError"}],
                },
            },
            {
                "Identifier": "Bye",
                "Type": "DisconnectParticipant",
                "Parameters": {},
                "Transitions": {},
            },
        ],
        **envelope,
    }


def with_action(action: dict[str, Any]) -> dict[str, Any]:
    """The flow of ``a_flow`` with another action in front."""
    flow = a_flow()
    to_bye = {
        "NextAction": "Say",
        "Errors": [{"NextAction": "Say", "ErrorType": "NoMatchingError"}],
    }
    flow["Actions"].insert(0, {"Identifier": "First", "Transitions": to_bye, **action})
    return flow | {"StartAction": "First"}


def a_small_site() -> dict[str, Any]:
    """A site with one object of each kind."""
    return {
        "site": {
            "name": "Small",
            "country": "US",
            "time_zone": "America/New_York",
            "allowed_regions": ["US"],
        },
        "numbers": [{"number": "+12025550100", "flow": "Main"}],
        "hours": [{"name": "Day", "time_zone": "UTC", "week": {"monday": ["09:00-17:00"]}}],
        "queues": [
            {
                "name": "Sales",
                "hours": "Day",
                "caller_id": "+12025550100",
                "quick_connects": ["Anna"],
            }
        ],
        "routing_profiles": [{"name": "All", "queues": [{"queue": "Sales"}]}],
        "agents": [{"name": "Anna", "routing_profile": "All"}],
        "statuses": [{"name": "Available", "kind": "routable", "code": "*81"}],
        "quick_connects": [{"name": "Anna", "agent": "Anna", "code": "*71"}],
        "callers": [{"name": "Carol", "number": "+12025550150"}],
        "trunks": [{"name": "Carrier", "host": "127.0.0.1", "identify": ["127.0.0.2"]}],
        "flows": [{"name": "Main"}],
    }


@dataclass
class Office:
    """An administrator with a folder and a database."""

    folder: Path
    store: SqlStore
    speech: FakeSpeech = field(default_factory=FakeSpeech)

    def write(
        self,
        data: Mapping[str, Any] | str | bytes,
        flows: Mapping[str, Any] | None = None,
        prompts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Write the folder anew."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                path.unlink()
        (self.folder / "flows").mkdir(parents=True, exist_ok=True)
        text = data if isinstance(data, str | bytes) else yaml.safe_dump(dict(data))
        content = text if isinstance(text, bytes) else text.encode()
        (self.folder / "site.yaml").write_bytes(content)
        for name, flow in ({"main.json": a_flow()} if flows is None else flows).items():
            raw = flow if isinstance(flow, bytes) else json.dumps(flow).encode()
            (self.folder / "flows" / name).write_bytes(raw)
        for name, sound in (prompts or {}).items():
            (self.folder / "prompts").mkdir(exist_ok=True)
            (self.folder / "prompts" / name).write_bytes(sound)

    async def apply(self, *, prune: bool = False, **options: Any) -> tuple[Site, tuple[str, ...]]:
        return await apply_site(
            self.folder, self.store, self.speech, now=NOW, prune=prune, **options
        )

    async def applies(
        self, data: Mapping[str, Any], flows: Mapping[str, Any] | None = None, **options: Any
    ) -> Site:
        """Write the folder and make it live."""
        self.write(data, flows)
        site, _ = await self.apply(**options)
        return site

    async def refuses(self, *, prune: bool = False, **options: Any) -> tuple[str, ...]:
        """What is wrong with the folder; nothing at all may have changed."""
        before = await self.everything()
        with pytest.raises(InvalidSite) as refused:
            await self.apply(prune=prune, **options)
        assert await self.everything() == before
        assert self.speech.prepared == []
        return refused.value.problems

    async def take_charge(self) -> None:
        """Be the controller, who alone may write contacts."""
        assert await self.store.take_lease("test", now=NOW, ttl=timedelta(days=1))

    async def everything(self) -> Any:
        """All that applying can change."""
        rows = list(await self.store.site_objects())
        versions = [
            (row.id, await self.store.flow_content(row.id)) for row in rows if row.kind == "flow"
        ]
        stray = await self.store.flow_content("main")
        return rows, versions, stray, self.speech.recorded("welcome")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = SqlStore("sqlite://")
    await store.open()
    yield Office(tmp_path / "site", store)
    await store.close()


def changed(change: Change, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """A site with something changed."""
    copy = deepcopy(data or a_small_site())
    change(copy)
    return copy


# --- what is right becomes live -----------------------------------------------------------------


async def test_the_sample_becomes_live_without_a_fault(office: Office) -> None:
    site, warnings = await apply_site(SAMPLE_SITE, office.store, office.speech, now=NOW)

    assert site == await load_site(office.store)
    assert site.name == "Sample contact centre"
    assert {flow.version for flow in site.flows} == {1}
    assert {queue.name for queue in site.queues} == {"Sales", "Callbacks", "PasswordReset"}
    assert [(each.id, each.code) for each in site.quick_connects_of(AgentId("anna"))] == [
        ("anna", "*72"),
        ("ben", "*71"),
        ("office", "*74"),
        ("password-reset", "*73"),
    ]
    assert site.quick_connects_of(AgentId("ben")) == site.quick_connects
    assert all("QueueAtCapacity" in warning or "NoMatchingError" in warning for warning in warnings)


async def test_a7_what_can_be_said_is_rendered_ahead(office: Office) -> None:
    flow = a_flow("Welcome to us.")
    await office.applies(a_small_site(), {"main.json": flow})

    assert PlainText("Welcome to us.") in office.speech.prepared
    assert any(isinstance(words, Ssml) for words in office.speech.prepared)


async def test_applying_again_changes_nothing(office: Office) -> None:
    first = await office.applies(a_small_site())
    before = await office.everything()

    again = await office.applies(a_small_site())

    assert again == first
    assert await office.everything() == before


async def test_only_a_flow_that_changed_gets_a_new_version(office: Office) -> None:
    data = changed(lambda d: d["flows"].append({"name": "Other"}))
    await office.applies(data, {"main.json": a_flow(), "other.json": a_flow()})

    site = await office.applies(data, {"main.json": a_flow("Hi."), "other.json": a_flow()})

    assert {flow.id: flow.version for flow in site.flows} == {"main": 2, "other": 1}


async def test_a2_a_new_version_leaves_what_runs_alone(office: Office) -> None:
    live = LiveSite()
    live.replace(await office.applies(a_small_site()))
    pinned = live.find("Main")
    assert pinned is not None

    live.replace(await office.applies(a_small_site(), {"main.json": a_flow("Hi.")}))
    now = live.find("Main")

    assert now is not None
    assert (pinned.version, now.version) == (1, 2)
    still = await live.version(office.store, pinned.id, pinned.version)
    assert still.document == pinned.document != now.document
    after_a_restart = await LiveSite().version(office.store, pinned.id, pinned.version)
    assert after_a_restart.document.prompts() != now.document.prompts()
    assert list(after_a_restart.document.prompts()) == list(pinned.document.prompts())


async def test_nothing_is_deleted_without_prune(office: Office) -> None:
    await office.applies(changed(lambda d: d["queues"].append({"name": "Old"})))

    kept = await office.applies(a_small_site())
    pruned = await office.applies(a_small_site(), prune=True)

    assert [queue.name for queue in kept.queues] == ["Old", "Sales"]
    assert [queue.name for queue in pruned.queues] == ["Sales"]


async def test_ids_stay_when_the_folder_does_not_say_them(office: Office) -> None:
    def with_ids(data: dict[str, Any]) -> None:
        data["queues"][0]["id"] = "q1"
        data["flows"][0] |= {"id": "f1", "file": "main.json"}
        data["agents"][0]["id"] = "a1"

    first = await office.applies(changed(with_ids))

    again = await office.applies(a_small_site())

    assert (first.queues[0].id, first.flows[0].id, first.agents[0].id) == ("q1", "f1", "a1")
    assert (again.queues[0].id, again.flows[0].id, again.agents[0].id) == ("q1", "f1", "a1")
    assert again.flows[0].version == 1


async def test_an_object_is_renamed_by_its_id(office: Office) -> None:
    await office.applies(changed(lambda d: d["queues"][0].update(id="q1")))

    def rename(data: dict[str, Any]) -> None:
        data["queues"][0] |= {"id": "q1", "name": "Purchase"}
        data["routing_profiles"][0]["queues"][0]["queue"] = "Purchase"

    site = await office.applies(changed(rename))

    assert [(queue.id, queue.name) for queue in site.queues] == [("q1", "Purchase")]


async def test_recordings_of_the_folder_can_be_played(office: Office) -> None:
    flow = a_flow()
    flow["Actions"][0]["Parameters"] = {"PromptId": "welcome"}
    office.write(a_small_site(), {"main.json": flow}, {"welcome.wav": b"RIFF"})

    await office.apply()

    assert office.speech.recorded("welcome") is not None


async def test_a_flow_of_the_site_may_be_called_like_a_default(office: Office) -> None:
    def own(data: dict[str, Any]) -> None:
        data["flows"].append({"name": "Default customer queue", "kind": "CUSTOMER_QUEUE"})

    flows = {"main.json": a_flow(), "default-customer-queue.json": a_flow("Please wait.")}
    live = LiveSite()
    live.replace(await office.applies(changed(own), flows))

    chosen = live.chosen(FlowKind.CUSTOMER_QUEUE, None)
    resumed = await live.version(office.store, chosen.id, chosen.version)

    assert chosen.id == "default-customer-queue"
    assert list(resumed.document.prompts()) == list(chosen.document.prompts())


async def test_flows_of_transfers_and_of_agents_on_hold_become_live(office: Office) -> None:
    def transfers(data: dict[str, Any]) -> None:
        data["flows"] += [
            {"name": "To agent", "kind": "AGENT_TRANSFER"},
            {"name": "To queue", "kind": "QUEUE_TRANSFER"},
            {"name": "On hold", "kind": "AGENT_HOLD"},
        ]
        data["quick_connects"][0]["flow"] = "to-agent"
        data["quick_connects"].append({"name": "Sales", "queue": "Sales", "flow": "To queue"})

    hold = json.loads(default_source(FlowKind.CUSTOMER_HOLD))
    flows = {name: a_flow() for name in ("main.json", "to-agent.json", "to-queue.json")}
    live = LiveSite()
    live.replace(await office.applies(changed(transfers), flows | {"on-hold.json": hold}))

    found = [live.find(name) for name in ("To agent", "To queue", "On hold")]

    assert [each and each.document.kind for each in found] == [
        FlowKind.AGENT_TRANSFER,
        FlowKind.QUEUE_TRANSFER,
        FlowKind.AGENT_HOLD,
    ]


async def test_without_a_site_there_is_nothing_to_load(office: Office) -> None:
    with pytest.raises(NotFound, match="ivr apply"):
        await load_site(office.store)
    with pytest.raises(NotFound, match="ivr apply"):
        await export_site(office.store, office.folder)


# --- warnings -----------------------------------------------------------------------------------


async def test_c10_a_queue_that_nobody_serves_is_warned_about(office: Office) -> None:
    office.write(changed(lambda d: d["queues"].append({"name": "Lonely"})))

    _, warnings = await office.apply()

    assert "site.yaml: queue 'Lonely' is served by no profile" in warnings


async def test_b6_a_queue_without_a_caller_id_is_warned_about(office: Office) -> None:
    office.write(changed(lambda d: d["queues"][0].pop("caller_id")))

    _, warnings = await office.apply()

    assert "site.yaml: queue 'Sales' has no caller_id: callbacks are anonymous" in warnings


async def test_b7_retries_and_spacing_beyond_the_bounds_are_warned_about(office: Office) -> None:
    create = {
        "Type": "CreateCallbackContact",
        "Parameters": {
            "QueueId": "Sales",
            "InitialCallDelaySeconds": "0",
            "MaximumConnectionAttempts": "11",
            "RetryDelaySeconds": "59",
        },
    }
    office.write(a_small_site(), {"main.json": with_action(create)})

    _, warnings = await office.apply()

    assert "flows/main.json: First: 11 retries count as 10" in warnings
    assert "flows/main.json: First: a spacing of 59 s is raised to the site's 60 s" in warnings


async def test_what_could_not_be_rendered_is_a_warning(office: Office) -> None:
    async def fail(many: Any) -> tuple[str, ...]:
        return ("the engine failed",) if list(many) else ()

    office.speech.prepare = fail  # type: ignore[method-assign]
    office.write(a_small_site())

    _, warnings = await office.apply()

    assert "the engine failed" in warnings


# --- what is wrong is refused, and nothing is applied -------------------------------------------


BROKEN_SITES: dict[str, tuple[Change, str]] = {
    "unknown hours": (
        lambda d: d["queues"][0].update(hours="Night"),
        "site.yaml: queues[0].hours: there is no hours 'Night'",
    ),
    "unknown flow of a number": (
        lambda d: d["numbers"][0].update(flow="Menu"),
        "site.yaml: numbers[0].flow: there is no flow 'Menu'",
    ),
    "flow of the wrong kind": (
        lambda d: d["queues"][0].update(outbound_whisper="Main"),
        "site.yaml: queues[0].outbound_whisper: flow 'Main' is a CONTACT_FLOW, "
        "not a OUTBOUND_WHISPER",
    ),
    "unknown queue of a profile": (
        lambda d: d["routing_profiles"][0]["queues"].append({"queue": "Service"}),
        "site.yaml: routing_profiles[0].queues[1].queue: there is no queue 'Service'",
    ),
    "unknown profile of an agent": (
        lambda d: d["agents"][0].update(routing_profile="None"),
        "site.yaml: agents[0].routing_profile: there is no profile 'None'",
    ),
    "caller ID of somebody else": (
        lambda d: d["queues"][0].update(caller_id="+12025550199"),
        "site.yaml: queues[0].caller_id: must be a number of the site",
    ),
    "two queues of one name": (
        lambda d: d["queues"].append({"name": "Sales"}),
        "site.yaml: queues[1]: 'Sales' is there twice",
    ),
    "two queues of one id": (
        lambda d: d["queues"].append({"name": "SALES"}),
        "site.yaml: queues[1]: 'sales' is there twice",
    ),
    "one number twice": (
        lambda d: d["numbers"].append({"number": "+1 202 555 0100", "flow": "Main"}),
        "site.yaml: numbers[1]: '+12025550100' is there twice",
    ),
    "a queue twice in a profile": (
        lambda d: d["routing_profiles"][0]["queues"].append({"queue": "Sales"}),
        "site.yaml: routing_profiles[0].queues: 'Sales' is there twice",
    ),
    "two phones of one name": (
        lambda d: d["callers"][0].update(endpoint="agent-anna"),
        "site.yaml: endpoint 'agent-anna' is used by 'Anna' and 'Carol'",
    ),
    "an agent on a number abroad": (
        lambda d: d["agents"][0].update(number="+49228123456"),
        "site.yaml: agents[0].number: the site may not call it (region)",
    ),
    "an agent with a phone and a number": (
        lambda d: d["agents"][0].update(number="+12025550177", endpoint="anna"),
        "site.yaml: agents[0].endpoint: needs a phone of this switch, not an outside number",
    ),
    "a supervisor on an outside number": (
        lambda d: d["agents"][0].update(number="+12025550177", supervisor=True),
        "site.yaml: agents[0].supervisor: needs a phone of this switch, not an outside number",
    ),
    "a phone elsewhere that is to answer by itself": (
        lambda d: d["agents"][0].update(number="+12025550177", auto_accept=True),
        "site.yaml: agents[0].auto_accept: needs a phone of this switch, not an outside number",
    ),
    "two agents on one number": (
        lambda d: (
            d["agents"][0].update(number="+12025550177"),
            d["agents"].append({**d["agents"][0], "name": "Bea"}),
        ),
        "site.yaml: agents[1].number: is the number of 'Anna' too",
    ),
    "one code for two statuses": (
        lambda d: d["statuses"].append({"name": "Lunch", "kind": "custom", "code": "*81"}),
        "site.yaml: code *81 chooses two statuses",
    ),
    "unknown quick connect of a queue": (
        lambda d: d["queues"][0]["quick_connects"].append("Ben"),
        "site.yaml: queues[0].quick_connects[1]: there is no quick connect 'Ben'",
    ),
    "a quick connect twice in a queue": (
        lambda d: d["queues"][0]["quick_connects"].append("anna"),
        "site.yaml: queues[0].quick_connects: 'anna' is there twice",
    ),
    "two quick connects of one id": (
        lambda d: d["quick_connects"].append({"name": "ANNA", "queue": "Sales"}),
        "site.yaml: quick_connects[1]: 'anna' is there twice",
    ),
    "a quick connect to an unknown agent": (
        lambda d: d["quick_connects"][0].update(agent="Ben"),
        "site.yaml: quick_connects[0].agent: there is no agent 'Ben'",
    ),
    "a quick connect to an unknown queue": (
        lambda d: d["quick_connects"].append({"name": "Q", "queue": "Service"}),
        "site.yaml: quick_connects[1].queue: there is no queue 'Service'",
    ),
    "a quick connect to nowhere": (
        lambda d: d["quick_connects"][0].pop("agent"),
        "site.yaml: quick_connects[0]: needs exactly one of `agent`, `queue` and `number`",
    ),
    "a quick connect to two places": (
        lambda d: d["quick_connects"][0].update(queue="Sales"),
        "site.yaml: quick_connects[0]: needs exactly one of `agent`, `queue` and `number`",
    ),
    "a quick connect to a number abroad": (
        lambda d: d["quick_connects"].append({"name": "Bonn", "number": "+49228123456"}),
        "site.yaml: quick_connects[1].number: the site may not call it (region)",
    ),
    "a quick connect to a number of the site": (
        lambda d: d["quick_connects"].append({"name": "Us", "number": "+12025550100"}),
        "site.yaml: quick_connects[1].number: the site may not call it (own_number)",
    ),
    "an unknown transfer flow": (
        lambda d: d["quick_connects"][0].update(flow="Transfer"),
        "site.yaml: quick_connects[0].flow: there is no flow 'Transfer'",
    ),
    "a transfer flow to an agent of the wrong kind": (
        lambda d: d["quick_connects"][0].update(flow="Main"),
        "site.yaml: quick_connects[0].flow: flow 'Main' is a CONTACT_FLOW, not a AGENT_TRANSFER",
    ),
    "a transfer flow to a queue of the wrong kind": (
        lambda d: d["quick_connects"].append({"name": "Q", "queue": "Sales", "flow": "main"}),
        "site.yaml: quick_connects[1].flow: flow 'main' is a CONTACT_FLOW, not a QUEUE_TRANSFER",
    ),
    "a transfer flow to a number": (
        lambda d: d["quick_connects"].append(
            {"name": "N", "number": "+12025550150", "flow": "Main"}
        ),
        "site.yaml: quick_connects[1].flow: a number has no transfer flow",
    ),
    "a quick connect with the code of a status": (
        lambda d: d["quick_connects"][0].update(code="*81"),
        "site.yaml: quick_connects[0].code: *81 is that of status 'Available'",
    ),
    "a quick connect with the code of a usual status": (
        lambda d: (d.pop("statuses"), d["quick_connects"][0].update(code="*80")),
        "site.yaml: quick_connects[0].code: *80 is that of status 'Offline'",
    ),
    "one code for two quick connects": (
        lambda d: d["quick_connects"].append({"name": "Q", "queue": "Sales", "code": "*71"}),
        "site.yaml: quick_connects[1].code: *71 is that of quick connect 'Anna'",
    ),
    "nobody can be available": (
        lambda d: d["statuses"][0].update(kind="custom"),
        "site.yaml: statuses: none is routable",
    ),
    "a trunk that nobody can be told by": (
        lambda d: d["trunks"][0].pop("identify"),
        "site.yaml: trunks[0]: needs `identify` addresses or a `username`",
    ),
    "a caller with a number of the site": (
        lambda d: d["callers"][0].update(number="+12025550100"),
        "site.yaml: the number of caller 'Carol' is a number of the site too",
    ),
    "two callers with one number": (
        lambda d: d["callers"].append({"name": "Dave", "number": "+12025550150"}),
        "site.yaml: the number of caller 'Dave' is the number of 'Carol' too",
    ),
    "a flow file that is not there": (
        lambda d: d["flows"].append({"name": "Menu"}),
        "flows/menu.json: cannot be read: FileNotFoundError",
    ),
    "a flow file outside": (
        lambda d: d["flows"][0].update(file="../../etc/passwd"),
        "site.yaml: flow 'Main': flows/../../etc/passwd is outside the site",
    ),
    "a flow file at an absolute path": (
        lambda d: d["flows"][0].update(file="/etc/passwd"),
        "flows//etc/passwd: cannot be read: FileNotFoundError",
    ),
    "a language without a voice": (
        lambda d: d["site"].update(language="fi-FI"),
        "flows/main.json: Say: no voice for 'fi-FI'",
    ),
}


@pytest.mark.parametrize("name", BROKEN_SITES)
@pytest.mark.parametrize("live", [False, True], ids=["first", "again"])
async def test_a_broken_site_is_refused_whole(office: Office, name: str, live: bool) -> None:
    change, says = BROKEN_SITES[name]
    if live:
        await office.applies(a_small_site())
        office.speech.prepared.clear()
    office.write(changed(change), {"main.json": a_flow("Something new.")})

    assert await office.refuses() == (says,)


BROKEN_FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "site.yaml: must be a mapping"),
    "a list": ("- a", "site.yaml: must be a mapping"),
    "no YAML": ("site: [", "site.yaml line 1: "),
    "a tab": ("site:\n\tname: x", "site.yaml line 2: "),
    "a key twice": ("site: {}\nsite: {}", "site.yaml line 2: 'site' is there twice"),
    "a key twice inside": ("site:\n  name: a\n  name: b", "site.yaml line 3: 'name' is there"),
    "a day that is none": ("site: {name: 2026-02-30}", "site.yaml: day is out of range"),
    "a program": ("site: !!python/object/apply:os.getcwd []", "site.yaml line 1: could not"),
    "no UTF-8": (b"site: \xff", "site.yaml: cannot be read: UnicodeDecodeError"),
    "a NUL": ("site: \x00", "site.yaml"),
    "a loop": ("site: &a {name: *a}", "site.yaml: site"),
    "nested too deeply": ("[" * 2000, "site.yaml"),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
async def test_a_file_that_is_no_site_is_refused_in_words(office: Office, name: str) -> None:
    content, says = BROKEN_FILES[name]
    office.write(content)

    problems = await office.refuses()

    assert problems[0].startswith(says), problems


async def test_a_folder_without_a_site_is_refused(office: Office) -> None:
    office.folder.mkdir()

    assert await office.refuses() == ("site.yaml: cannot be read: FileNotFoundError",)


BROKEN_FLOWS: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", "flows/main.json: document: no JSON"),
    "an unknown action": (
        with_action({"Type": "Teleport", "Parameters": {}}),
        "flows/main.json: First (Actions[0].Type): action type 'Teleport' is not part",
    ),
    "an action without its parameters": (
        with_action({"Type": "CreateCallbackContact", "Parameters": {"QueueId": 1}}),
        "flows/main.json: First (Actions[0].Parameters.",
    ),
    "a queue that is not there": (
        with_action({"Type": "UpdateContactTargetQueue", "Parameters": {"QueueId": "Service"}}),
        "flows/main.json: First: there is no queue 'Service'",
    ),
    "a queue of an ARN that is not there": (
        with_action(
            {
                "Type": "UpdateContactTargetQueue",
                "Parameters": {"QueueId": "arn:aws:connect:x:1:instance/i/queue/nine"},
            }
        ),
        "flows/main.json: First: there is no queue 'arn:aws:connect:x:1:instance/i/queue/nine'",
    ),
    "hours that are not there": (
        with_action({"Type": "CheckHoursOfOperation", "Parameters": {"HoursOfOperationId": "X"}}),
        "flows/main.json: First: there is no hours 'X'",
    ),
    "a flow that is not there": (
        with_action({"Type": "TransferToFlow", "Parameters": {"ContactFlowId": "X"}}),
        "flows/main.json: First: there is no flow 'X'",
    ),
    "a recording that is not there": (
        with_action({"Type": "MessageParticipant", "Parameters": {"PromptId": "welcome"}}),
        "flows/main.json: First: there is no recorded prompt 'welcome'",
    ),
}


@pytest.mark.parametrize("name", BROKEN_FLOWS)
async def test_a_broken_flow_is_refused_with_its_place(office: Office, name: str) -> None:
    flow, says = BROKEN_FLOWS[name]
    office.write(a_small_site(), {"main.json": flow})

    problems = await office.refuses()

    assert problems[0].startswith(says), problems


async def test_all_faults_of_all_files_are_reported_at_once(office: Office) -> None:
    data = changed(
        lambda d: (d["queues"][0].update(hours="Night"), d["flows"].append({"name": "Menu"}))
    )
    office.write(
        data,
        {"main.json": a_flow(StartAction="Nowhere"), "menu.json": b"{"},
        {"notes.docx": b"x"},
    )

    problems = await office.refuses()

    assert [problem.split(":")[0] for problem in problems] == [
        "prompts/notes.docx",
        "site.yaml",
        "flows/main.json",
        "flows/menu.json",
    ]


async def test_all_faults_of_a_quick_connect_are_reported_at_once(office: Office) -> None:
    wrong = {"agent": "Ben", "queue": "Service", "number": "+4930123456"}
    office.write(
        changed(
            lambda d: d["quick_connects"].append(
                {"name": "Wrong", "flow": "Transfer", "code": "*71", **wrong}
            )
        )
    )

    place = "site.yaml: quick_connects[1]"
    assert await office.refuses() == (
        f"{place}.agent: there is no agent 'Ben'",
        f"{place}.queue: there is no queue 'Service'",
        f"{place}.number: the site may not call it (region)",
        f"{place}: needs exactly one of `agent`, `queue` and `number`",
        f"{place}.flow: there is no flow 'Transfer'",
        f"{place}.code: *71 is that of quick connect 'Anna'",
    )


async def test_recordings_are_not_replaced_by_a_site_with_faults(office: Office) -> None:
    data = changed(lambda d: d["queues"][0].update(hours="Night"))
    office.write(data, None, {"welcome.wav": b"RIFF"})

    await office.refuses()

    assert office.speech.recorded("welcome") is None


async def test_a_queue_is_known_by_name_id_and_arn(office: Office) -> None:
    for reference in ("Sales", "sales", "arn:aws:connect:x:1:instance/i/queue/sales"):
        flow = with_action(
            {"Type": "UpdateContactTargetQueue", "Parameters": {"QueueId": reference}}
        )
        await office.applies(a_small_site(), {"main.json": flow})


async def test_what_the_switch_cannot_be_set_up_for_is_refused(office: Office) -> None:
    asked: list[Site] = []

    def object_to(site: Site) -> tuple[str, ...]:
        asked.append(site)
        return ("trunk trunk-carrier: host: not a host name",)

    await office.applies(changed(lambda d: d["queues"].append({"name": "Old"})))
    office.speech.prepared.clear()
    office.write(a_small_site(), {"main.json": a_flow("Hi.")}, {"welcome.wav": b"RIFF"})

    problems = await office.refuses(objections=object_to)

    assert problems == ("trunk trunk-carrier: host: not a host name",)
    (site,) = asked
    assert {queue.name for queue in site.queues} == {"Sales", "Old"}
    assert load_flow(site.flows[0].content).start == "Say"


# --- together with what is live -----------------------------------------------------------------


async def test_an_id_never_changes(office: Office) -> None:
    await office.applies(a_small_site())
    office.speech.prepared.clear()
    office.write(changed(lambda d: d["agents"][0].update(id="a1")))

    assert await office.refuses() == (
        "site.yaml: agents[0].id: 'Anna' is known as 'anna'; an id never changes",
    )


async def test_what_stays_live_may_not_lose_what_it_names(office: Office) -> None:
    await office.applies(changed(lambda d: d["queues"].append({"name": "Old", "hours": "Day"})))
    office.speech.prepared.clear()

    def rename_hours(data: dict[str, Any]) -> None:
        data["hours"][0] |= {"id": "day", "name": "Daytime"}
        data["queues"][0]["hours"] = "Daytime"

    office.write(changed(rename_hours))

    assert await office.refuses() == (
        "together with what is live: queues 'Old'.hours: there is no hours 'Day'",
    )
    site, _ = await office.apply(prune=True)
    assert [queue.name for queue in site.queues] == ["Sales"]


async def test_a_quick_connect_that_stays_live_may_not_lose_its_agent(office: Office) -> None:
    await office.applies(
        changed(lambda d: d["quick_connects"].append({"name": "Old", "agent": "Anna"}))
    )
    office.speech.prepared.clear()

    def rename_anna(data: dict[str, Any]) -> None:
        data["agents"][0] |= {"id": "anna", "name": "Anne"}
        data["quick_connects"][0]["agent"] = "Anne"

    office.write(changed(rename_anna))

    assert await office.refuses() == (
        "together with what is live: quick_connects 'Old'.agent: there is no agent 'Anna'",
    )
    site, _ = await office.apply(prune=True)
    assert [each.name for each in site.quick_connects] == ["Anna"]


async def test_what_stays_live_may_not_clash_with_what_comes(office: Office) -> None:
    await office.applies(
        changed(lambda d: d["statuses"].append({"name": "Tea", "kind": "custom", "code": "*82"}))
    )
    office.speech.prepared.clear()
    office.write(
        changed(lambda d: d["statuses"].append({"name": "Nap", "kind": "custom", "code": "*82"}))
    )

    assert await office.refuses() == ("site.yaml: code *82 chooses two statuses",)


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        (ContactState.QUEUED, {"queue_id": QueueId("old")}),
        (ContactState.IN_FLOW, {"target_queue_id": QueueId("old")}),
        (ContactState.WAITING_FOR_RETRY, {"queue_id": QueueId("old")}),
    ],
)
async def test_a_queue_that_somebody_waits_in_is_not_pruned(
    office: Office, state: ContactState, fields: dict[str, Any]
) -> None:
    await office.applies(changed(lambda d: d["queues"].append({"name": "Old"})))
    office.speech.prepared.clear()
    await office.take_charge()
    waiting = a_contact(state=state, **fields)
    await office.store.create_contact(waiting)
    office.write(a_small_site())

    assert await office.refuses(prune=True) == (
        "site.yaml: queue 'Old' cannot be removed: a contact is with it",
    )
    await office.store.move_contact(waiting.id, state, ContactState.ENDED, {}, now=NOW)
    site, _ = await office.apply(prune=True)
    assert [queue.name for queue in site.queues] == ["Sales"]


async def test_an_agent_who_serves_somebody_is_not_pruned(office: Office) -> None:
    await office.applies(
        changed(lambda d: d["agents"].append({"name": "Ben", "routing_profile": "All"}))
    )
    office.speech.prepared.clear()
    await office.take_charge()
    await office.store.create_contact(
        a_contact(state=ContactState.CONNECTED, agent_id=AgentId("ben"))
    )
    office.write(a_small_site())

    assert await office.refuses(prune=True) == (
        "site.yaml: agent 'Ben' cannot be removed: a contact is with it",
    )


async def test_a_renamed_queue_may_be_in_use(office: Office) -> None:
    await office.applies(changed(lambda d: d["queues"][0].update(id="q1")))
    await office.take_charge()
    await office.store.create_contact(a_contact(state=ContactState.QUEUED, queue_id=QueueId("q1")))

    def rename(data: dict[str, Any]) -> None:
        data["queues"][0] |= {"id": "q1", "name": "Purchase"}
        data["routing_profiles"][0]["queues"][0]["queue"] = "Purchase"

    site = await office.applies(changed(rename), prune=True)

    assert [queue.name for queue in site.queues] == ["Purchase"]


# --- export -------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["sample", "small"])
async def test_an_exported_site_applies_to_the_same_site(
    office: Office, tmp_path: Path, which: str
) -> None:
    if which == "sample":
        before, _ = await apply_site(SAMPLE_SITE, office.store, office.speech, now=NOW)
    else:
        before = await office.applies(a_small_site())
    target = tmp_path / "deep" / "export"

    written = await export_site(office.store, target)
    other = SqlStore("sqlite://")
    await other.open()
    elsewhere, _ = await apply_site(target, other, FakeSpeech(), now=NOW)
    await other.close()
    again, _ = await apply_site(target, office.store, FakeSpeech(), now=NOW)

    assert without_layout(elsewhere) == without_layout(before)
    assert without_layout(again) == without_layout(before)
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == set(written)


async def test_exporting_twice_writes_the_same_files(office: Office, tmp_path: Path) -> None:
    await apply_site(SAMPLE_SITE, office.store, office.speech, now=NOW)
    first, second = tmp_path / "first", tmp_path / "second"

    await export_site(office.store, first)
    await apply_site(first, office.store, FakeSpeech(), now=NOW)
    await export_site(office.store, second)

    for path in first.rglob("*"):
        if path.is_file():
            assert (second / path.relative_to(first)).read_bytes() == path.read_bytes()


async def test_an_exported_file_reads_as_people_write_it(office: Office, tmp_path: Path) -> None:
    await office.applies(a_small_site())

    await export_site(office.store, tmp_path / "export")

    text = (tmp_path / "export" / "site.yaml").read_text("utf-8")
    assert "- 09:00-17:00" in text
    assert "version" not in text
    assert yaml.safe_load(text)["flows"] == [{"id": "main", "name": "Main", "file": "main.json"}]


async def test_names_in_any_script_survive_an_export(office: Office, tmp_path: Path) -> None:
    def local(data: dict[str, Any]) -> None:
        data["site"]["name"] = "Zürich"
        data["queues"].append({"name": "販売", "id": "sales-jp"})
        data["flows"][0] |= {"name": "Grüezi", "file": "main.json"}
        data["numbers"][0]["flow"] = "Grüezi"

    before = await office.applies(changed(local), {"main.json": a_flow("Grüezi 👋")})

    await export_site(office.store, tmp_path / "export")
    after, _ = await apply_site(tmp_path / "export", office.store, FakeSpeech(), now=NOW)

    assert without_layout(after) == without_layout(before)
    assert "Grüezi 👋" in (tmp_path / "export" / "flows" / "gruezi.json").read_text("utf-8")


def without_layout(site: Site) -> Site:
    """The site without what an export may write otherwise: JSON's blanks, versions, order."""
    return replace(
        site,
        flows=tuple(
            replace(flow, version=0, content=json.dumps(json.loads(flow.content)))
            for flow in sorted(site.flows, key=lambda flow: flow.id)
        ),
    )


# --- rows from elsewhere ------------------------------------------------------------------------


async def test_a_flow_whose_content_is_gone_is_named(office: Office) -> None:
    await office.applies(a_small_site())
    row = SiteObject(
        kind="flow", id="ghost", name="Ghost", document={"name": "Ghost", "version": 9}
    )
    await office.store.put_site_objects([row])

    with pytest.raises(NotFound, match="Ghost"):
        await load_site(office.store)


async def test_time_passes_into_the_versions(office: Office) -> None:
    office.write(a_small_site())
    await apply_site(office.folder, office.store, office.speech, now=NOW + timedelta(days=1))

    assert await office.store.flow_content("main", 1) == (1, json.dumps(a_flow()))
