"""Commands that ask a running controller: what they print, and what they say when it says no."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command_line import Outcome, answering, run, some_settings

pytestmark = pytest.mark.integration

ANNA = {
    "id": "anna",
    "name": "Anna",
    "status": "Available",
    "next_status": None,
    "activity": "after_contact_work",
    "since": "2026-03-02T09:00:00+00:00",
    "since_seconds": 200,
    "contact_id": "c1",
    "phone": "registered",
    "ready": False,
}
BEN = ANNA | {
    "id": "ben",
    "name": "[red]Ben",
    "status": "Offline",
    "next_status": "Lunch",
    "activity": "idle",
    "since_seconds": 3725,
    "contact_id": None,
    "phone": "not registered",
}
SALES = {
    "id": "sales",
    "name": "Sales",
    "enabled": True,
    "max_contacts": 20,
    "calls": 3,
    "callbacks": 2,
    "scheduled": 1,
    "oldest_at": "2026-03-02T09:00:00+00:00",
    "oldest_seconds": 95,
}
EMPTY = SALES | {
    "id": "night",
    "name": "Night",
    "enabled": False,
    "max_contacts": None,
    "calls": 0,
    "callbacks": 0,
    "scheduled": 0,
    "oldest_at": None,
    "oldest_seconds": None,
}
CALLBACK = {
    "id": "c2",
    "number": "+1••••••••99",
    "queue": "Callbacks",
    "state": "waiting_for_retry",
    "place": None,
    "place_at": "2026-03-02T09:00:00+00:00",
    "requested_at": "2026-03-02T09:01:00+00:00",
    "waiting_seconds": 600,
    "attempts_used": 1,
    "attempts_allowed": 3,
    "due_at": "2026-03-02T09:15:00+00:00",
    "due_in_seconds": 300,
    "expires_at": "2026-03-09T09:01:00+00:00",
    "expires_in_seconds": 604_000,
}
CONTACT = {
    "id": "c2",
    "initiation": "CALLBACK",
    "state": "waiting_for_retry",
    "customer": "+1••••••••99",
    "queue": "callbacks",
    "agent": None,
    "initiated_at": "2026-03-02T09:01:02.345+00:00",
    "disconnect_reason": None,
}
ANSWERS: Mapping[str, Any] = {
    "GET /v1/agents": [ANNA, BEN],
    "POST /v1/agents/anna/status": [ANNA | {"next_status": "Lunch"}],
    "GET /v1/queues": [SALES, EMPTY],
    "GET /v1/callbacks": [CALLBACK],
    "POST /v1/callbacks/c2/stop": {"id": "c2", "stopped": True},
    "POST /v1/callbacks/c3/stop": {"id": "c3", "stopped": False},
    "POST /v1/contacts/c2/stop": {"id": "c2", "stopped": True},
    "POST /v1/contacts/c3/stop": {"id": "c3", "stopped": False},
    "GET /v1/contacts?limit=20": [CONTACT],
    "GET /v1/contacts?limit=5": [CONTACT],
}
NOTHING: Mapping[str, Any] = {
    "GET /v1/agents": [],
    "GET /v1/queues": [],
    "GET /v1/callbacks": [],
    "GET /v1/contacts?limit=20": [],
}
ASKING = (
    ("agent", "list"),
    ("agent", "status", "anna", "Lunch"),
    ("queue", "list"),
    ("callback", "list"),
    ("callback", "stop", "c2"),
    ("contact", "list"),
    ("contact", "show", "c2"),
    ("contact", "stop", "c2"),
)


def ask(folder: Path, *arguments: str, answers: Mapping[str, Any] = ANSWERS) -> Outcome:
    return run(*arguments, settings=some_settings(folder), controller=answering(answers))


# --- for people ---------------------------------------------------------------------------------


def test_agents_are_shown_in_words(tmp_path: Path) -> None:
    done = ask(tmp_path, "agent", "list")

    assert done.code == 0
    assert done.lines == [
        "Agent Id Status Activity For Phone Contact",
        "Anna anna Available after contact work 3 min 20 s registered c1",
        "[red]Ben ben Offline, then Lunch idle 1 h 2 min not registered",
    ]
    assert done.errors == ""


def test_queues_are_shown_with_calls_callbacks_scheduled_and_oldest(tmp_path: Path) -> None:
    done = ask(tmp_path, "queue", "list")

    assert done.lines == [
        "Queue Calls Callbacks Scheduled Oldest Limit State",
        "Sales 3 2 1 1 min 35 s 20 enabled",
        "Night 0 0 0 disabled",
    ]


def test_callbacks_are_shown_with_what_is_next(tmp_path: Path) -> None:
    done = ask(tmp_path, "callback", "list")

    assert done.lines == [
        "Id Number Queue Place State Attempts Due in Waiting Expires in",
        "c2 +1••••••••99 Callbacks waiting for retry 1 of 3 5 min 10 min 6 d 23 h",
    ]


def test_contacts_are_shown_on_one_line_each(tmp_path: Path) -> None:
    done = ask(tmp_path, "contact", "list")

    assert done.lines == [
        "Id Began (UTC) By Customer Queue Agent State Ended by",
        "c2 2026-03-02 09:01:02 CALLBACK +1••••••••99 callbacks waiting for retry",
    ]


def test_e12_parties_of_a_conference_are_shown_and_dropped(tmp_path: Path) -> None:
    asked: list[bytes] = []
    transfer = {
        "contact_id": "c3",
        "quick_connect": "ben",
        "type": "USER",
        "state": "connected",
        "detail": "talking",
        "customer_on_hold": False,
        "agent": "ben",
        "verbs": ["leave"],
        "parties": [
            {"contact_id": "c2", "quick_connect": "office", "agent": None, "detail": "talking"}
        ],
    }

    def controller(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/v1/contacts/c1/transfer/drop")
        asked.append(request.content)
        return httpx.Response(200, json=transfer)

    settings = some_settings(tmp_path)
    drop = ("contact", "transfer", "drop", "c1")
    done = run(*drop, "--party", "c2", settings=settings, controller=controller)
    run(*drop, settings=settings, controller=controller)

    assert done.lines[-2:] == ["Contact c3", "Party office, talking (c2)"]
    assert asked == [b'{"party":"c2"}', b""]
    assert run("contact", "transfer", "leave", "c1", "--party", "c2").code == 2


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("agent", "list"), "the site has no agents"),
        (("queue", "list"), "the site has no queues"),
        (("callback", "list"), "nobody waits to be called back"),
        (("contact", "list"), "no contacts yet"),
    ],
)
def test_an_empty_list_says_so(tmp_path: Path, command: tuple[str, ...], says: str) -> None:
    done = ask(tmp_path, *command, answers=NOTHING)

    assert (done.code, done.lines) == (0, [says])


def test_what_a_terminal_would_obey_is_not_printed(tmp_path: Path) -> None:
    hostile = ANNA | {"name": "An\x1b[2Jna\r\nX\x07"}

    done = ask(tmp_path, "agent", "list", answers={"GET /v1/agents": [hostile]})

    assert "An\ufffd[2Jna\ufffd\ufffdX\ufffd" in done.output
    assert "\x1b" not in done.output


def test_lines_stay_whole_where_the_output_is_no_terminal(tmp_path: Path) -> None:
    long = ANNA | {"name": "A" * 120, "contact_id": "c" * 40}

    done = ask(tmp_path, "agent", "list", answers={"GET /v1/agents": [long]})

    assert len(done.lines) == 2
    assert "c" * 40 in done.lines[1]


# --- for programs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("agent", "list"), [ANNA, BEN]),
        (("queue", "list"), [SALES, EMPTY]),
        (("callback", "list"), [CALLBACK]),
        (("callback", "stop", "c2"), {"id": "c2", "stopped": True}),
        (("contact", "list"), [CONTACT]),
        (("agent", "status", "anna", "Lunch"), ANNA | {"next_status": "Lunch"}),
    ],
)
def test_json_is_what_the_controller_answers_and_nothing_else(
    tmp_path: Path, command: tuple[str, ...], answer: Any
) -> None:
    done = ask(tmp_path, *command, "--json")

    assert (done.code, done.data, done.errors) == (0, answer, "")


@pytest.mark.parametrize("command", [("agent", "list"), ("callback", "list")])
def test_json_of_nothing_is_an_empty_list(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert ask(tmp_path, *command, "--json", answers=NOTHING).data == []


# --- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["anna", "Anna", "ANNA"])
def test_an_agent_is_named_by_id_or_name(tmp_path: Path, who: str) -> None:
    done = ask(tmp_path, "agent", "status", who, "Lunch")

    assert (done.code, done.lines) == (0, ["Anna: Available, then Lunch"])


def test_a_status_is_sent_as_it_was_typed(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def controller(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answering(ANSWERS)(request)

    run("agent", "status", "anna", "Lunch", settings=some_settings(tmp_path), controller=controller)

    assert [request.method for request in seen] == ["GET", "POST"]
    assert seen[1].content == b'{"status":"Lunch"}'
    assert str(seen[1].url) == "http://127.0.0.1:8080/v1/agents/anna/status"


def test_an_unknown_agent_is_refused_with_those_there_are(tmp_path: Path) -> None:
    done = ask(tmp_path, "agent", "status", "carl", "Lunch")

    assert (done.code, done.output) == (1, "")
    assert done.errors == "there is no agent 'carl'; there are: anna, ben\n"


def test_an_unknown_status_is_refused_in_the_controllers_words(tmp_path: Path) -> None:
    no = httpx.Response(404, json={"code": "not_found", "message": "no agent status 'Asleep'"})
    answers = {**ANSWERS, "POST /v1/agents/anna/status": no}

    done = ask(tmp_path, "agent", "status", "anna", "Asleep", answers=answers)

    assert (done.code, done.output, done.errors) == (1, "", "no agent status 'Asleep'\n")


@pytest.mark.parametrize("kind", ["callback", "contact"])
def test_stopping_says_that_it_is_stopped(tmp_path: Path, kind: str) -> None:
    done = ask(tmp_path, kind, "stop", "c2")

    assert (done.code, done.lines) == (0, ["c2: stopped"])


@pytest.mark.parametrize("kind", ["callback", "contact"])
def test_stopping_what_is_over_fails(tmp_path: Path, kind: str) -> None:
    done = ask(tmp_path, kind, "stop", "c3")
    as_json = ask(tmp_path, kind, "stop", "c3", "--json")

    assert (done.code, done.output) == (1, "")
    assert done.errors == "c3: is over already; nothing was stopped\n"
    assert (as_json.code, as_json.data) == (1, {"id": "c3", "stopped": False})


def test_the_limit_of_contacts_is_passed_on_and_checked(tmp_path: Path) -> None:
    assert ask(tmp_path, "contact", "list", "--limit", "5").code == 0
    for limit in ("0", "1001", "x"):
        assert ask(tmp_path, "contact", "list", "--limit", limit).code == 2


@pytest.mark.parametrize("contact_id", ["../site/reload", "a/b", "a?b=c", "#", "%2e%2e", "ä"])
def test_an_id_never_leads_to_another_route(tmp_path: Path, contact_id: str) -> None:
    seen: list[str] = []

    def controller(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(404, json={"code": "not_found", "message": "no contact"})

    done = run(
        "contact", "show", contact_id, settings=some_settings(tmp_path), controller=controller
    )

    assert done.code == 1
    (path,) = seen
    assert path.startswith("/v1/contacts/")
    assert path.count("/") == 3
    assert "?" not in path


# --- when it does not work ----------------------------------------------------------------------


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadError("reset")])
def test_without_a_controller_every_command_says_how_to_start_one(
    tmp_path: Path, command: tuple[str, ...], error: Exception
) -> None:
    def controller(request: httpx.Request) -> httpx.Response:
        raise error

    for arguments in (command, (*command, "--json")):
        done = run(*arguments, settings=some_settings(tmp_path), controller=controller)

        assert (done.code, done.output) == (3, "")
        assert done.errors == ("no controller answers at 127.0.0.1:8080; start it with `ivr run`\n")


def test_a_controller_that_takes_too_long_is_not_reachable(tmp_path: Path) -> None:
    def controller(request: httpx.Request) -> httpx.Response:
        message = "slow"
        raise httpx.ReadTimeout(message)

    done = run("queue", "list", settings=some_settings(tmp_path), controller=controller)

    assert done.code == 3
    assert done.errors == "the controller did not answer within 15 s\n"


def test_a_stranger_on_the_port_is_no_controller(tmp_path: Path) -> None:
    def controller(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>It works!</html>")

    done = run("queue", "list", settings=some_settings(tmp_path), controller=controller)

    assert done.code == 3
    assert "is no controller" in done.errors


@pytest.mark.parametrize("command", ASKING)
def test_a_controller_of_another_state_directory_does_not_take_the_token(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    def controller(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"detail": "the token is missing or wrong"})

    done = run(*command, settings=some_settings(tmp_path), controller=controller)

    assert (done.code, done.output) == (1, "")
    assert "IVR_STATE_DIR" in done.errors
    assert len(done.errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(503, json={"code": "store", "message": "a\nb"}), "a\nb\n"),
        (httpx.Response(404, json={"detail": "Not Found"}), "Not Found\n"),
        (
            httpx.Response(
                422, json={"detail": [{"loc": ["query", "limit"], "msg": "too big"}, "odd"]}
            ),
            "query.limit: too big\nodd\n",
        ),
        (httpx.Response(500, json=[]), "the controller refused\n"),
    ],
)
def test_a_refusal_is_one_line_for_each_problem(
    tmp_path: Path, answer: httpx.Response, says: str
) -> None:
    done = ask(tmp_path, "queue", "list", answers={"GET /v1/queues": answer})

    assert (done.code, done.output, done.errors) == (1, "", says)


def test_proxies_of_the_machine_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    assert ask(tmp_path, "queue", "list").code == 0


def test_the_token_is_never_printed(tmp_path: Path) -> None:
    for command in ASKING:
        for answers in (ANSWERS, NOTHING):
            done = ask(tmp_path, *command, answers=answers)
            assert "token-of-this-test" not in done.output + done.errors
