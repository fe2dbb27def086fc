"""``site.yaml`` and its rows: every fault with its path, ids that stay, a way there and back."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
import yaml

from ivr.domain.agent import StatusKind
from ivr.domain.callback import RetryPolicy
from ivr.domain.errors import NotFound
from ivr.domain.ids import E164, AgentId
from ivr.domain.leg import LegOutcome
from ivr.domain.phone_number import NumberFormat
from ivr.domain.quick_connect import QuickConnect, QuickConnectId, QuickConnectKind
from ivr.domain.site import Site
from ivr.ports.store import SiteObject
from ivr.service.site_documents import (
    SiteDocument,
    document_of,
    id_of,
    label_of,
    objects_of,
    read_document,
    slug,
    with_known_ids,
)
from ivr.service.site_values import site_of
from tests.centre import SAMPLE_SITE

pytestmark = pytest.mark.unit

SAMPLE: dict[str, Any] = yaml.safe_load((SAMPLE_SITE / "site.yaml").read_text("utf-8"))
HEAD: dict[str, Any] = {
    "name": "Small",
    "country": "DE",
    "time_zone": "Europe/Berlin",
    "allowed_regions": ["DE"],
}


def a_document(**lists: Any) -> SiteDocument:
    """A document that must be right."""
    document, problems = read_document({"site": HEAD, **lists})
    assert problems == ()
    assert document is not None
    return document


def problems_of(data: Any) -> tuple[str, ...]:
    document, problems = read_document(data)
    assert (document is None) is bool(problems)
    return problems


# --- reading ------------------------------------------------------------------------------------


def test_the_sample_is_right() -> None:
    assert problems_of(SAMPLE) == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"site": None}, "site: "),
        ({"site": HEAD | {"country": "XX"}}, "site.country: no country 'XX'"),
        ({"site": HEAD | {"country": False}}, "site.country: "),
        ({"site": HEAD | {"time_zone": "Mars/Base"}}, "site.time_zone: no time zone 'Mars/Base'"),
        ({"site": HEAD | {"time_zone": "../etc/passwd"}}, "site.time_zone: no time zone"),
        ({"site": HEAD | {"allowed_regions": ["DE", "YY"]}}, "site.allowed_regions[1]: no country"),
        ({"site": HEAD | {"allowed_types": ["premium"]}}, "site.allowed_types[0]: "),
        ({"site": HEAD | {"colour": "red"}}, "site.colour: Extra inputs are not permitted"),
        ({"site": HEAD | {"ring_customer_seconds": 61}}, "site.ring_customer_seconds: "),
        ({"queue": []}, "queue: Extra inputs are not permitted"),
        ({"queues": {"name": "Sales"}}, "queues: "),
        ({"queues": [{}]}, "queues[0].name: Field required"),
        ({"queues": [{"name": ""}]}, "queues[0].name: "),
        ({"queues": [{"name": "a\nb"}]}, "queues[0].name: must be one line"),
        ({"queues": [{"name": " a"}]}, "queues[0].name: must be one line"),
        ({"queues": [{"name": "a\x1bb"}]}, "queues[0].name: must be one line"),
        ({"queues": [{"name": "x" * 128}]}, "queues[0].name: "),
        ({"queues": [{"name": "販売"}]}, "queues[0]: needs an `id`"),
        ({"queues": [{"name": "Sales", "id": "a b"}]}, "queues[0].id: "),
        ({"queues": [{"name": "Sales", "max_contacts": -1}]}, "queues[0].max_contacts: "),
        (
            {"queues": [{"name": "Sales", "also_retry": [{"outcome": "rejected"}]}]},
            "queues[0].also_retry[0].outcome: ",
        ),
        ({"numbers": [{"number": 4930123456, "flow": "A"}]}, "numbers[0].number: must be a phone"),
        ({"numbers": [{"number": "030123456", "flow": "A"}]}, "numbers[0].number: must be a phone"),
        (
            {"numbers": [{"number": "+493012345678901234", "flow": "A"}]},
            "numbers[0].number: must be a phone",
        ),
        (
            {"hours": [{"name": "H", "time_zone": "UTC", "week": {"monday": ["9-17"]}}]},
            "hours[0].week.monday[0]: must read like 09:00-17:30",
        ),
        (
            {"hours": [{"name": "H", "time_zone": "UTC", "week": {"monday": ["09:00-25:00"]}}]},
            "hours[0].week.monday[0]",
        ),
        (
            {"hours": [{"name": "H", "time_zone": "UTC", "week": {"someday": []}}]},
            "hours[0].week.someday",
        ),
        (
            {"hours": [{"name": "H", "time_zone": "UTC", "holidays": {"2026-02-30": []}}]},
            "hours[0].holidays.2026-02-30",
        ),
        (
            {"routing_profiles": [{"name": "P", "queues": [{"queue": "Q", "priority": 0}]}]},
            "routing_profiles[0].queues[0].priority: ",
        ),
        (
            {"routing_profiles": [{"name": "P", "queues": [{"queue": "Q", "priority": 100}]}]},
            "routing_profiles[0].queues[0].priority: ",
        ),
        (
            {
                "routing_profiles": [
                    {"name": "P", "queues": [{"queue": "Q", "delay_seconds": 10000}]}
                ]
            },
            "routing_profiles[0].queues[0].delay_seconds: ",
        ),
        (
            {"agents": [{"name": "A", "routing_profile": "P", "endpoint": "Anna; drop"}]},
            "agents[0].endpoint: ",
        ),
        ({"statuses": [{"name": "S", "kind": "happy"}]}, "statuses[0].kind: "),
        ({"statuses": [{"name": "S", "kind": "custom", "code": "81"}]}, "statuses[0].code: "),
        ({"quick_connects": [{"agent": "A"}]}, "quick_connects[0].name: Field required"),
        ({"quick_connects": [{"name": "A", "agents": "A"}]}, "quick_connects[0].agents: Extra"),
        ({"quick_connects": [{"name": "販売"}]}, "quick_connects[0]: needs an `id`"),
        (
            {"quick_connects": [{"name": "N", "number": "030123456"}]},
            "quick_connects[0].number: must be a phone",
        ),
        ({"quick_connects": [{"name": "A", "code": "71"}]}, "quick_connects[0].code: "),
        ({"quick_connects": [{"name": "A", "code": "*"}]}, "quick_connects[0].code: "),
        ({"quick_connects": [{"name": "A", "code": "*7100"}]}, "quick_connects[0].code: "),
        ({"quick_connects": [{"name": "A", "code": "*7\u0661"}]}, "quick_connects[0].code: "),
        ({"queues": [{"name": "S", "quick_connects": "a"}]}, "queues[0].quick_connects: "),
        ({"trunks": [{"name": "T", "host": "a b"}]}, "trunks[0].host: "),
        ({"trunks": [{"name": "T", "host": "a", "port": 0}]}, "trunks[0].port: "),
        ({"flows": [{"name": "F", "kind": "SONG"}]}, "flows[0].kind: "),
    ],
)
def test_a_fault_is_reported_with_its_path_and_reason(change: dict[str, Any], says: str) -> None:
    problems = problems_of({"site": HEAD, **change})

    assert any(problem.startswith(says) for problem in problems), problems


def test_all_faults_are_reported_at_once() -> None:
    broken = deepcopy(SAMPLE)
    broken["site"]["country"] = "XX"
    broken["queues"][1]["max_contacts"] = "many"
    broken["agents"][0]["colour"] = "red"
    del broken["trunks"][0]["host"]

    assert [problem.split(":")[0] for problem in problems_of(broken)] == [
        "site.country",
        "queues[1].max_contacts",
        "agents[0].colour",
        "trunks[0].host",
    ]


@pytest.mark.parametrize("data", [None, [], "text", 1, {1: 2}, {}])
def test_what_is_no_site_at_all_is_a_fault(data: Any) -> None:
    assert problems_of(data)


def test_no_fault_repeats_a_value_that_may_be_secret() -> None:
    problems = problems_of({"site": HEAD, "password": "s3cret", "queues": [{"pin": "s3cret"}]})

    assert problems
    assert "s3cret" not in "".join(problems)


# --- names and ids ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Sales", "sales"),
        ("Calls & callbacks", "calls-callbacks"),
        ("Büro Köln", "buro-koln"),
        ("  -- ", ""),
        ("販売", ""),
        ("24/7", "24-7"),
        ("x" * 59 + " y", "x" * 59),
        ("x" * 127, "x" * 60),
    ],
)
def test_an_id_is_made_of_the_name(name: str, made: str) -> None:
    assert slug(name) == made


def test_the_longest_name_makes_an_id_that_is_read_back() -> None:
    document = a_document(queues=[{"name": "x" * 127}])

    (queue,) = document_of(objects_of(document)).queues

    assert queue.known_as() == "x" * 60


def test_what_has_no_id_of_its_own_is_kept_by_its_name_or_number() -> None:
    document = a_document(
        numbers=[{"number": "+4930123456", "flow": "A"}],
        statuses=[{"name": "昼食", "kind": "custom"}, {"name": "Lunch", "kind": "custom"}],
    )

    assert [id_of(each) for each in document.statuses] == ["昼食", "lunch"]
    assert (id_of(document.numbers[0]), label_of(document.numbers[0])) == (
        "4930123456",
        "+4930123456",
    )


def test_an_object_keeps_the_id_it_is_live_under() -> None:
    document = a_document(queues=[{"name": "Sales"}, {"name": "Service"}])
    live = [SiteObject(kind="queue", id="q1", name="Sales", document={})]
    other = [SiteObject(kind="agent", id="a1", name="Service", document={})]

    kept = with_known_ids(document, [*live, *other])

    assert [queue.known_as() for queue in kept.queues] == ["q1", "service"]
    assert [queue.known_as() for queue in document.queues] == ["sales", "service"]


# --- rows ---------------------------------------------------------------------------------------


def test_a_site_is_the_same_after_it_was_in_rows() -> None:
    document, _ = read_document(SAMPLE)
    assert document is not None

    back = document_of(objects_of(document))

    flows = {flow.known_as(): (1, "{}") for flow in document.flows}
    assert site_of(back, flows) == site_of(document, flows)
    assert [row.kind for row in objects_of(document)][:2] == ["site", "number"]


def test_rows_of_a_kind_that_is_not_known_are_left_alone() -> None:
    rows = [*objects_of(a_document()), SiteObject(kind="robot", id="r", name="R", document={})]

    assert document_of(rows) == a_document()


def test_hours_are_written_as_they_are_read() -> None:
    week = {"monday": ["09:00-17:30", "22:00-24:00"], "sunday": ["00:00-24:00"], "friday": []}
    document = a_document(
        hours=[
            {
                "name": "H",
                "time_zone": "Europe/Berlin",
                "week": week,
                "holidays": {"2026-12-24": ["09:00-12:00"], "2026-12-25": []},
            }
        ]
    )

    dumped = document.model_dump(mode="json", exclude_defaults=True)["hours"][0]

    assert dumped["week"] == week
    assert dumped["holidays"] == {"2026-12-24": ["09:00-12:00"], "2026-12-25": []}
    assert SiteDocument.model_validate({"site": HEAD, "hours": [dumped]}) == document


# --- values -------------------------------------------------------------------------------------


def test_every_setting_arrives_in_the_site() -> None:
    document = a_document(
        site=HEAD
        | {
            "language": "de-DE",
            "callback_attempts_are": "attempts",
            "min_retry_delay_seconds": 90,
            "ring_agent_seconds": 15,
            "ring_customer_seconds": 45,
            "after_contact_work_after_unanswered": True,
            "allowed_types": ["mobile"],
            "denied_prefixes": ["+4917"],
        },
        numbers=[{"number": "+4930123456", "flow": "Main"}],
        callers=[{"name": "Carol", "number": "+4930123457"}],
        hours=[{"name": "Day", "id": "d", "time_zone": "UTC", "week": {"monday": ["09:00-17:00"]}}],
        queues=[
            {
                "name": "Sales",
                "hours": "d",
                "caller_id": "+4930123456",
                "max_contacts": 0,
                "also_retry": [
                    {"outcome": "busy", "delay_seconds": 30},
                    {"outcome": "network_failure"},
                ],
                "one_callback_per_number": False,
                "calling_window": False,
                "quick_connects": ["home", "Anna"],
            }
        ],
        routing_profiles=[
            {"name": "All", "queues": [{"queue": "sales", "priority": 2, "delay_seconds": 9}]},
            {"name": "No work", "queues": [], "after_contact_work": False},
        ],
        agents=[
            {"name": "Anna", "routing_profile": "All", "after_contact_work_seconds": 7},
            {"name": "Ben", "routing_profile": "no-work", "endpoint": "desk1", "auto_accept": True},
        ],
        statuses=[{"name": "Here", "kind": "routable", "code": "*1"}],
        quick_connects=[
            {"name": "Anna", "agent": "Anna", "flow": "To agent", "code": "*71"},
            {"name": "Home", "number": "+493012345678"},
        ],
        trunks=[{"name": "T", "host": "sip.example", "username": "u", "number_format": "national"}],
        flows=[{"name": "Main", "id": "m"}],
    )

    site = site_of(document, {"m": (3, "{}")})

    (queue,) = site.queues
    assert (queue.id, queue.hours, queue.max_contacts, queue.window) == ("sales", "d", 0, False)
    assert queue.retry == RetryPolicy(
        {LegOutcome.BUSY: timedelta(seconds=30), LegOutcome.NETWORK_FAILURE: None}
    )
    assert queue.one_callback_per_number is False
    assert queue.quick_connects == ("home", "anna")
    anna, ben = site.agents
    assert (anna.id, anna.endpoint, anna.acw_limit) == ("anna", "agent-anna", timedelta(seconds=7))
    assert (ben.routing_profile, ben.endpoint, ben.acw_limit) == ("no-work", "desk1", None)
    assert ben.auto_accept
    (served,) = site.profiles[0].queues
    assert (served.queue_id, served.priority, served.delay) == ("sales", 2, timedelta(seconds=9))
    (status,) = site.statuses
    assert (status.name, status.kind, status.code) == ("Here", StatusKind.ROUTABLE, "*1")
    assert site.quick_connects == (
        QuickConnect(
            id=QuickConnectId("anna"),
            name="Anna",
            kind=QuickConnectKind.AGENT,
            agent_id=AgentId("anna"),
            flow="To agent",
            code="*71",
        ),
        QuickConnect(
            id=QuickConnectId("home"),
            name="Home",
            kind=QuickConnectKind.NUMBER,
            number=E164("+493012345678"),
        ),
    )
    assert site.trunks[0].number_format is NumberFormat.NATIONAL
    assert (site.flows[0].id, site.flows[0].version) == ("m", 3)
    assert site.language == "de-DE"
    assert site.callback_attempts_are == "attempts"
    assert site.min_retry_delay == timedelta(seconds=90)
    assert (site.ring_agent, site.ring_customer) == (timedelta(seconds=15), timedelta(seconds=45))
    assert site.acw_after_unanswered
    assert site.policy.own_numbers == {"+4930123456"}
    assert site.account_numbers == {"+4930123457"}
    assert site.policy.denied_prefixes == ("+4917",)


def test_a_site_without_statuses_has_the_usual_ones() -> None:
    site = site_of(a_document(), {})

    assert [status.name for status in site.statuses] == ["Available", "Offline", "Lunch"]


# --- quick connects -----------------------------------------------------------------------------


def a_site_with_quick_connects() -> Site:
    """Anna serves two queues, Ben one, Carl none; the last queue is served by nobody."""
    document = a_document(
        queues=[
            {"name": "Sales", "quick_connects": ["Home", "service"]},
            {"name": "Service", "quick_connects": ["Home", "Ben"]},
            {"name": "Lonely", "quick_connects": ["Secret"]},
        ],
        routing_profiles=[
            {"name": "All", "queues": [{"queue": "Sales"}, {"queue": "Service"}]},
            {"name": "One", "queues": [{"queue": "service"}]},
            {"name": "None", "queues": []},
        ],
        agents=[
            {"name": "Anna", "routing_profile": "All"},
            {"name": "Ben", "routing_profile": "One"},
            {"name": "Carl", "routing_profile": "None"},
        ],
        quick_connects=[
            {"name": "Ben", "id": "b1", "agent": "ben", "code": "*71"},
            {"name": "Service", "queue": "service"},
            {"name": "Secret", "queue": "Lonely", "code": "*7"},
            {"name": "Home", "number": "+493012345678"},
        ],
    )
    return site_of(document, {})


@pytest.mark.parametrize(
    ("agent", "sees"),
    [("anna", ["Ben", "Service", "Home"]), ("ben", ["Ben", "Home"]), ("carl", [])],
)
def test_e1_an_agent_sees_the_quick_connects_of_the_queues_they_serve(
    agent: str, sees: list[str]
) -> None:
    site = a_site_with_quick_connects()

    assert [each.name for each in site.quick_connects_of(AgentId(agent))] == sees


def test_nobody_sees_no_quick_connects() -> None:
    with pytest.raises(NotFound, match="no agent 'dora'"):
        a_site_with_quick_connects().quick_connects_of(AgentId("dora"))


@pytest.mark.parametrize(
    "reference", ["b1", "Ben", "arn:aws:connect:x:1:instance/i/transfer-destination/b1"]
)
def test_a_quick_connect_is_known_by_id_name_and_arn(reference: str) -> None:
    site = a_site_with_quick_connects()

    assert site.quick_connect(reference) is site.quick_connects[0]


def test_a_quick_connect_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(NotFound, match="no quick connect 'b'; there are: Ben, Service, Secret, H"):
        a_site_with_quick_connects().quick_connect("b")
    with pytest.raises(NotFound, match="there are: none"):
        site_of(a_document(), {}).quick_connect("b")


def test_a_quick_connect_is_found_by_its_whole_code() -> None:
    site = a_site_with_quick_connects()

    found = [site.quick_connect_at(code) for code in ("*71", "*7", "*72", "")]

    assert [each and each.name for each in found] == ["Ben", "Secret", None, None]


def test_quick_connects_of_each_kind_lead_to_their_destination() -> None:
    ben, service, _, home = a_site_with_quick_connects().quick_connects

    assert (ben.kind, ben.agent_id) == (QuickConnectKind.AGENT, "ben")
    assert (service.kind, service.queue_id) == (QuickConnectKind.QUEUE, "service")
    assert (home.kind, home.number) == (QuickConnectKind.NUMBER, "+493012345678")
