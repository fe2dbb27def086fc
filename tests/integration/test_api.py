"""The HTTP interface: the real application on a real store, the switch and speech in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from ivr.api import errors
from ivr.api.app import create_app
from ivr.domain.agent import AgentActivity
from ivr.domain.callback import CallbackResult
from ivr.domain.errors import (
    DomainError,
    InvalidSite,
    LeaseLost,
    LegGone,
    LinkDown,
    NotFound,
    QueuebackError,
    SpeechError,
    StoreError,
    UnexpectedEvent,
)
from ivr.service.publishing import load_site
from ivr.service.world import LiveSite
from tests.centre import (
    ANNA,
    ANNAS_PHONE,
    BEN,
    BENS_PHONE,
    LOCAL,
    Centre,
    running_centre,
    write_site,
)
from tests.virtual_time import VirtualClock, run_virtual

pytestmark = pytest.mark.integration

TOKEN = "token-of-this-test"
CALLER, CUSTOMER = "+12025550160", "+12025550199"
SECRET_DIGITS = ("2025550160", "2025550199", "5550160", "5550199")
EVERY_ROUTE = (
    ("GET", "/v1/agents"),
    ("POST", "/v1/agents/anna/status"),
    ("GET", "/v1/queues"),
    ("GET", "/v1/callbacks"),
    ("POST", "/v1/callbacks/c1/stop"),
    ("GET", "/v1/contacts"),
    ("GET", "/v1/contacts/c1"),
    ("POST", "/v1/contacts/c1/stop"),
    ("GET", "/v1/agents/anna/quick-connects"),
    ("GET", "/v1/contacts/c1/transfer"),
    ("POST", "/v1/contacts/c1/transfer"),
    ("POST", "/v1/contacts/c1/transfer/join"),
    ("GET", "/v1/contacts/c1/monitor"),
    ("POST", "/v1/contacts/c1/monitor/listen"),
    ("POST", "/v1/site/reload"),
)


class Api:
    """A program that talks to the application."""

    def __init__(self, centre: Centre, app: FastAPI) -> None:
        self.centre = centre
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://controller",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        self.said: list[str] = []

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = await self.client.request(method, path, **request)
        self.said.append(answer.text)
        return answer

    async def get(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        answer = await self.ask("POST", path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


def play(folder: Path, scene: Callable[[Api], Awaitable[None]], *, with_site: bool = True) -> None:
    """Run a scene against the application in virtual time."""

    async def main() -> None:
        async with running_centre(VirtualClock(), folder) as centre:
            world = centre.world
            if not with_site:
                world = dataclasses.replace(world, site=LiveSite())

            async def reload() -> None:
                world.site.replace(await load_site(centre.store))

            app = create_app(world, centre.centre, SecretStr(TOKEN), reload_site=reload)
            api = Api(centre, app)
            async with api.client:
                await centre.until(lambda: _phones_are_known(centre))
                await scene(api)

    run_virtual(main())


async def _phones_are_known(centre: Centre) -> bool:
    return all(state.reachable for state in await centre.store.agents())


async def waits_on_the_line(centre: Centre, number: str = CALLER) -> Any:
    """A caller who prefers to wait; returns their phone once they are in the queue."""
    phone = centre.switch.dials(LOCAL, caller=number)
    phone.will_press("2")
    await centre.until(lambda: _has_a_call(centre))
    return phone


async def _has_a_call(centre: Centre) -> bool:
    return any(figures.calls for figures in await centre.store.queue_figures())


# --- the door -----------------------------------------------------------------------------------


def test_every_route_but_health_refuses_whoever_has_no_token(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        before = await api.centre.agent(ANNA)
        for method, path in EVERY_ROUTE:
            for headers in (
                {"Authorization": ""},
                {"Authorization": "Bearer wrong"},
                {"Authorization": TOKEN},
                {"Authorization": f"Basic {TOKEN}"},
                {"Authorization": f"Bearer {TOKEN}x"},
                {"Authorization": "Bearer \u00e9"},
            ):
                raw = {name: value.encode("latin-1") for name, value in headers.items()}
                answer = await api.ask(method, path, headers=raw, json={"status": "Available"})

                assert answer.status_code == 401, (method, path, headers, answer.text)
                assert TOKEN not in answer.text
        assert await api.centre.agent(ANNA) == before

    play(tmp_path, scene)


def test_this_module_knows_every_route(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        schema = await api.get("/openapi.json")

        listed = {
            (method.upper(), path)
            for path, methods in schema["paths"].items()
            for method in methods
        }
        known = {
            (
                method,
                path.replace("anna", "{agent_id}")
                .replace("c1", "{contact_id}")
                .replace("join", "{verb}")
                .replace("listen", "{verb}"),
            )
            for method, path in EVERY_ROUTE
        }
        assert listed == known | {("GET", "/v1/health")}

    play(tmp_path, scene)


def test_health_needs_no_token_and_names_the_site(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        answer = await api.ask("GET", "/v1/health", headers={"Authorization": ""})

        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "site": "Sample contact centre"}

    play(tmp_path, scene)


def test_without_a_site_health_is_well_and_the_rest_says_what_to_do(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        assert await api.get("/v1/health") == {"status": "ok", "site": None}

        for path in ("/v1/agents", "/v1/queues"):
            answer = await api.ask("GET", path)
            assert answer.status_code == 404
            assert "ivr apply" in answer.json()["message"]

    play(tmp_path, scene, with_site=False)


# --- agents -------------------------------------------------------------------------------------


def test_agents_are_listed_with_status_activity_and_phone(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        await api.centre.passes(10)
        anna, ben = await api.get("/v1/agents")

        assert (anna["id"], anna["name"], ben["id"]) == ("anna", "Anna", "ben")
        assert anna["status"] == "Offline"
        assert anna["next_status"] is None
        assert anna["activity"] == "idle"
        assert anna["phone"] == "registered"
        assert anna["contact_id"] is None
        assert anna["ready"] is False
        assert anna["since_seconds"] == 10
        assert anna["since"].endswith("+00:00")

    play(tmp_path, scene)


@pytest.mark.parametrize("spelling", ["Available", "available", "AVAILABLE"])
def test_a_status_is_chosen_in_any_spelling_of_case(tmp_path: Path, spelling: str) -> None:
    async def scene(api: Api) -> None:
        (row,) = await api.post("/v1/agents/anna/status", {"status": spelling})

        assert (row["id"], row["status"], row["ready"]) == ("anna", "Available", True)
        assert (await api.centre.agent(ANNA)).is_ready

    play(tmp_path, scene)


def test_a_status_chosen_during_a_contact_is_the_next_one(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        api.centre.switch.phone(ANNAS_PHONE).answers(after=1)
        await waits_on_the_line(api.centre)
        await api.post("/v1/agents/anna/status", {"status": "Available"})
        await api.centre.until(lambda: api.centre.is_doing(ANNA, AgentActivity.ON_CONTACT))

        (row,) = await api.post("/v1/agents/anna/status", {"status": "Lunch"})

        assert (row["status"], row["next_status"]) == ("Available", "Lunch")
        assert row["activity"] == "on_contact"
        assert row["contact_id"] == "c1"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/v1/agents/nobody/status", "Available", "no agent 'nobody'"),
        ("/v1/agents/Anna/status", "Available", "no agent 'Anna'"),
        ("/v1/agents/anna/status", "Asleep", "there are: Available, "),
    ],
)
def test_an_unknown_agent_or_status_is_not_found(
    tmp_path: Path, path: str, status: str, says: str
) -> None:
    async def scene(api: Api) -> None:
        answer = await api.ask("POST", path, json={"status": status})

        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"
        assert answer.json()["retryable"] is False
        assert says in answer.json()["message"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"status": ""}',
        b'{"status": null}',
        b'{"status": 1}',
        b'{"status": "Available", "more": 1}',
        b'{"status": "%s"}' % (b"x" * 128),
    ],
)
def test_a_body_that_is_no_choice_of_status_changes_nothing(tmp_path: Path, body: bytes) -> None:
    async def scene(api: Api) -> None:
        answer = await api.ask(
            "POST",
            "/v1/agents/anna/status",
            content=body,
            headers={"Content-Type": "application/json"},
        )

        assert answer.status_code == 422
        assert (await api.centre.agent(ANNA)).status == "Offline"

    play(tmp_path, scene)


# --- queues and callbacks -----------------------------------------------------------------------


def test_queues_are_listed_with_what_waits_in_them(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        await waits_on_the_line(api.centre)
        await api.centre.asks_for_callback("2025550199")
        await api.centre.passes(60)
        listed = {each["id"]: each for each in await api.get("/v1/queues")}

        assert listed.keys() == {"sales", "callbacks", "passwordreset"}
        sales, callbacks = listed["sales"], listed["callbacks"]
        assert (sales["name"], sales["enabled"]) == ("Sales", True)
        assert (sales["calls"], sales["callbacks"], sales["scheduled"]) == (1, 0, 0)
        assert (callbacks["calls"], callbacks["callbacks"], callbacks["scheduled"]) == (0, 1, 0)
        assert sales["max_contacts"] == 20
        assert sales["oldest_seconds"] >= callbacks["oldest_seconds"] >= 60
        assert sales["oldest_at"] < callbacks["oldest_at"]

    play(tmp_path, scene)


def test_an_empty_queue_has_no_oldest(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        for queue in await api.get("/v1/queues"):
            assert queue["oldest_at"] is None
            assert queue["oldest_seconds"] is None
            assert queue["calls"] + queue["callbacks"] + queue["scheduled"] == 0

    play(tmp_path, scene)


def test_b17_callbacks_are_listed_by_place_with_masked_numbers(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        await api.centre.asks_for_callback("2025550199")
        await api.centre.asks_for_callback("2025550198")
        await api.centre.passes(1)
        first, second = await api.get("/v1/callbacks")

        assert (first["place"], second["place"]) == (1, 2)
        assert first["number"] == "+1••••••••99"
        assert first["queue"] == "Callbacks"
        assert first["state"] == "queued"
        assert (first["attempts_used"], first["attempts_allowed"]) == (0, 3)
        assert first["place_at"] < first["requested_at"]
        assert first["waiting_seconds"] > 0 >= first["due_in_seconds"]
        assert 0 < first["expires_in_seconds"] <= 7 * 86400

    play(tmp_path, scene)


def test_b9_a_stopped_callback_is_over_and_stopping_again_says_so(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        customer = api.centre.switch.customer(CUSTOMER).answers(after=1)
        await api.centre.asks_for_callback("2025550199")
        contact, _ = await api.centre.one_callback()

        assert await api.post(f"/v1/callbacks/{contact.id}/stop") == {
            "id": contact.id,
            "stopped": True,
        }
        assert await api.get("/v1/callbacks") == []
        again = await api.post(f"/v1/callbacks/{contact.id}/stop")
        assert again["stopped"] is False

        api.centre.switch.phone(ANNAS_PHONE).answers(after=1)
        await api.centre.becomes(ANNA)
        await api.centre.passes(600)
        assert customer.calls == []
        _, callback = await api.centre.one_callback()
        assert callback.result is CallbackResult.STOPPED
        found = await api.get(f"/v1/contacts/{contact.id}")
        assert {"by": "api"} in [entry["detail"] for entry in found["journal"]]

    play(tmp_path, scene)


def test_b9_a_callback_that_rings_is_stopped_within_two_seconds(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        centre = api.centre
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).rings()
        await centre.asks_for_callback("2025550199")
        contact, _ = await centre.one_callback()
        await centre.becomes(ANNA)
        await centre.until(lambda: customer.leg is not None)
        asked = centre.now()

        answer = await api.post(f"/v1/callbacks/{contact.id}/stop")

        assert answer["stopped"] is True
        await centre.until(lambda: customer.leg is None)
        assert (centre.now() - asked).total_seconds() <= 2
        assert len(customer.calls) == 1

    play(tmp_path, scene)


def test_stopping_what_is_no_callback_is_not_found(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        await waits_on_the_line(api.centre)
        for contact_id in ("c1", "nothing", "%00", "..%2Fcontacts"):
            answer = await api.ask("POST", f"/v1/callbacks/{contact_id}/stop")
            assert answer.status_code == 404, contact_id

    play(tmp_path, scene)


def test_a_callback_whose_queue_was_removed_is_still_listed(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        await api.centre.asks_for_callback("2025550199")
        site = api.centre.world.site.now
        left = tuple(queue for queue in site.queues if queue.id != "callbacks")
        api.centre.world.site.replace(dataclasses.replace(site, queues=left))

        (row,) = await api.get("/v1/callbacks")

        assert row["queue"] == "callbacks"

    play(tmp_path, scene)


# --- contacts -----------------------------------------------------------------------------------


def test_contacts_are_listed_newest_first_and_limited(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        await api.centre.asks_for_callback("2025550199")
        await waits_on_the_line(api.centre)
        everything = await api.get("/v1/contacts")
        (newest,) = await api.get("/v1/contacts?limit=1")

        assert [each["initiation"] for each in everything].count("CALLBACK") == 1
        assert newest == everything[0]
        assert newest["customer"] == "+1••••••••60"
        assert newest["state"] == "queued"
        moments = [each["initiated_at"] for each in everything]
        assert moments == sorted(moments, reverse=True)

    play(tmp_path, scene)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", "1.5", ""])
def test_a_limit_that_makes_no_sense_is_refused(tmp_path: Path, limit: str) -> None:
    async def scene(api: Api) -> None:
        answer = await api.ask("GET", f"/v1/contacts?limit={limit}")

        assert answer.status_code == 422

    play(tmp_path, scene)


def test_f4_a_contact_is_shown_with_record_and_journal(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        centre = api.centre
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        customer = centre.switch.customer(CUSTOMER).answers(after=2)
        await centre.asks_for_callback("2025550199")
        contact, _ = await centre.one_callback()
        await centre.becomes(ANNA)
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.ON_CONTACT))
        await centre.passes(30)
        customer.hang_up()
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.IDLE))

        found = await api.get(f"/v1/contacts/{contact.id}")

        record, journal = found["record"], found["journal"]
        assert record["ContactId"] == contact.id
        assert record["InitiationMethod"] == "CALLBACK"
        assert record["PreviousContactId"] == record["InitialContactId"] == "c1"
        assert record["DisconnectReason"] == "CUSTOMER_DISCONNECT"
        assert record["Queue"]["Name"] == "Callbacks"
        assert record["Agent"]["Username"] == "Anna"
        assert record["Agent"]["AgentInteractionDuration"] >= 30
        assert record["ivr"]["Callback"]["Result"] == "completed"
        assert record["ivr"]["Callback"]["Attempts"][0]["Outcome"] == "answered"
        assert [entry["number"] for entry in journal] == list(range(1, len(journal) + 1))
        assert {"offer_made", "contact_moved"} <= {entry["kind"] for entry in journal}

    play(tmp_path, scene)


def test_e12_parties_are_shown_and_dropped_by_their_contact(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        centre, door = api.centre, "/v1/contacts/{}/transfer"
        for phone in (ANNAS_PHONE, BENS_PHONE):
            centre.switch.phone(phone).answers(after=1)
        office = centre.switch.customer("+12025550165").answers(after=1)
        await waits_on_the_line(centre)
        await centre.becomes(ANNA)
        await centre.until(lambda: centre.is_doing(ANNA, AgentActivity.ON_CONTACT))
        (contact,) = await centre.contacts()
        door = door.format(contact.id)
        started = await api.post(door, {"quick_connect": "Office", "hold": False})
        assert started["parties"] == []

        async def joined() -> bool:
            return bool((await api.get(door))["step"] == "joined")

        await centre.until(joined)
        await centre.becomes(BEN)
        await api.post(door, {"quick_connect": "Ben"})
        await centre.until(joined)
        seen = await api.get(door)
        assert (seen["quick_connect"], seen["agent"]) == ("ben", "ben")
        party = started["contact_id"]
        assert seen["parties"] == [
            {
                "contact_id": party,
                "quick_connect": "office",
                "agent": None,
                "state": "connected",
                "detail": "talking",
            }
        ]
        for verb, body, status in (
            ("leave", {"party": party}, 409),
            ("drop", {"party": "nobody"}, 409),
            ("drop", {"party": ""}, 422),
            ("drop", {"parties": [party]}, 422),
        ):
            answer = await api.ask("POST", f"{door}/{verb}", json=body)
            assert answer.status_code == status, answer.text
        dropped = await api.post(f"{door}/drop", {"party": party})
        assert (dropped["quick_connect"], dropped["parties"]) == ("ben", [])
        await centre.until(lambda: office.leg is None)

    play(tmp_path, scene)


def test_an_unknown_contact_is_not_found(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        answer = await api.ask("GET", "/v1/contacts/nothing")

        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"

    play(tmp_path, scene)


def test_no_answer_holds_a_full_number(tmp_path: Path) -> None:
    """Numbers of customers stay in the database, those that flows keep in attributes included."""

    async def scene(api: Api) -> None:
        centre = api.centre
        centre.switch.phone(ANNAS_PHONE).answers(after=1)
        centre.switch.customer(CUSTOMER).is_busy()
        await waits_on_the_line(centre)
        await centre.store.change_contact(
            (await centre.contacts())[0].id,
            {"attributes": {"number": CUSTOMER, "note": "call 202-555-0199 back", "vip": "yes"}},
            now=centre.now(),
        )
        await centre.asks_for_callback("2025550199", caller=CUSTOMER)
        await api.get("/v1/callbacks")
        await centre.becomes(ANNA)
        await centre.passes(120)
        for path in ("/v1/agents", "/v1/queues", "/v1/callbacks", "/v1/contacts"):
            await api.get(path)
        contacts = await api.get("/v1/contacts")
        for contact in contacts:
            await api.get(f"/v1/contacts/{contact['id']}")

        said = "\n".join(api.said)
        assert "yes" in said
        assert len(contacts) == 3
        for digits in (*SECRET_DIGITS, "202-555-0199"):
            assert digits not in said

    play(tmp_path, scene)


# --- the site -----------------------------------------------------------------------------------


def test_reload_takes_over_the_site_that_was_applied(tmp_path: Path) -> None:
    async def scene(api: Api) -> None:
        from ivr.service.publishing import apply_site

        def rename(data: dict[str, Any]) -> None:
            data["site"]["name"] = "Another name"

        folder = write_site(tmp_path / "again", change=rename)
        await apply_site(folder, api.centre.store, api.centre.world.speech, now=api.centre.now())
        before = await api.get("/v1/health")

        assert await api.post("/v1/site/reload") == {"site": "Another name"}
        assert before["site"] == "Sample contact centre"
        assert (await api.get("/v1/health"))["site"] == "Another name"

    play(tmp_path, scene)


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "code", "retryable"),
    [
        (NotFound("no queue"), 404, "not_found", False),
        (InvalidSite(("a: wrong", "b: wrong")), 422, "invalid_site", False),
        (DomainError("not while it rings"), 409, "rule_broken", False),
        (UnexpectedEvent("not now"), 409, "unexpected_event", False),
        (LeaseLost("another controller is in charge"), 503, "lease_lost", False),
        (StoreError("the database is gone"), 503, "store", True),
        (LinkDown("the switch is gone", maybe_done=False), 503, "link_down", True),
        (LegGone("hung up"), 500, "leg_gone", False),
        (SpeechError("no voice"), 500, "speech", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_an_error_is_one_status_and_says_what_is_wrong(
    error: QueuebackError, status: int, code: str, retryable: bool
) -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/")

    assert answer.status_code == status
    assert answer.json() == {"code": code, "message": str(error), "retryable": retryable}
