"""``ivr flow check`` and ``ivr flow try``: no settings, no database, no switch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.centre import SAMPLE_SITE
from tests.command_line import run

pytestmark = pytest.mark.integration

LOCAL = str(SAMPLE_SITE / "flows" / "local-entry.json")
WHISPER = str(SAMPLE_SITE / "flows" / "agent-whisper.json")


def a_flow(folder: Path, *actions: dict[str, Any], **envelope: Any) -> str:
    document = {
        "Version": "2019-10-30",
        "StartAction": actions[0]["Identifier"] if actions else "none",
        "Actions": list(actions),
        **envelope,
    }
    path = folder / "flow.json"
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


def an_action(identifier: str, kind: str, **rest: Any) -> dict[str, Any]:
    return {"Identifier": identifier, "Type": kind, "Parameters": {}, **rest}


BYE = an_action("Bye", "DisconnectParticipant", Transitions={})


# --- check --------------------------------------------------------------------------------------


def test_g4_a_good_flow_has_no_faults() -> None:
    done = run("flow", "check", WHISPER, "--kind", "AGENT_WHISPER")

    assert (done.code, done.errors) == (0, "")
    assert done.output.startswith(WHISPER)
    assert done.output.endswith("no faults\n")


@pytest.mark.parametrize("kind", ["agent_whisper", "Agent_Whisper", "AGENT_WHISPER"])
def test_a_kind_is_named_in_any_case(kind: str) -> None:
    assert run("flow", "check", WHISPER, "--kind", kind, "--json").data["kind"] == "AGENT_WHISPER"


def test_g4_all_faults_are_reported_with_their_exact_place(tmp_path: Path) -> None:
    path = a_flow(
        tmp_path,
        an_action("Fly", "Teleport", Transitions={}),
        an_action("Say", "MessageParticipant", Transitions={"NextAction": "Nowhere"}),
        BYE,
        StartAction="Begin",
    )

    done = run("flow", "check", path)

    assert (done.code, done.output) == (1, "")
    lines = done.errors.splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    assert any("Fly (Actions[0].Type): " in line for line in lines)
    assert any("Say (Actions[1].Transitions" in line and "Nowhere" in line for line in lines)
    assert any("StartAction: there is no action 'Begin'" in line for line in lines)


def test_faults_for_programs_are_one_document(tmp_path: Path) -> None:
    path = a_flow(tmp_path, an_action("Fly", "Teleport", Transitions={}), BYE)

    done = run("flow", "check", path, "--json")

    assert (done.code, done.errors) == (1, "")
    assert done.data["ok"] is False
    assert done.data["file"] == path
    assert done.data["faults"] == [
        {
            "action": "Fly",
            "place": "Actions[0].Type",
            "message": "action type 'Teleport' is not part of the language",
        }
    ]


def test_warnings_are_printed_beside_the_verdict(tmp_path: Path) -> None:
    path = a_flow(tmp_path, BYE | {"Colour": "red"})

    done = run("flow", "check", path)
    as_json = run("flow", "check", path, "--json").data

    assert done.code == 0
    assert f"warning: {path}: Bye (Actions[0].Colour): unknown key" in done.errors
    assert "say so with --kind" in done.errors
    assert done.output == f"{path}: 1 actions, no faults\n"
    assert as_json["ok"] is True
    assert as_json["kind"] is None
    assert {"action": "Bye", "place": "Actions[0].Colour", "message": "unknown key"} in (
        as_json["warnings"]
    )


def test_an_action_that_the_kind_does_not_allow_is_a_fault() -> None:
    done = run("flow", "check", LOCAL, "--kind", "AGENT_WHISPER")

    assert done.code == 1
    assert "is not allowed in a flow of this kind" in done.errors


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe{}", "no UTF-8 text"),
        (b"[]", "a flow is a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"modules": [], "start": ""}', "old export format"),
        (b'{"Version": NaN}', "NaN is no JSON value"),
    ],
)
def test_what_is_no_flow_is_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "flow.json"
    path.write_bytes(content)

    done = run("flow", "check", str(path))

    assert done.code == 1
    (line,) = done.errors.splitlines()
    assert says in line


def test_a_flow_may_come_from_standard_input() -> None:
    done = run("flow", "check", "-", "--kind", "AGENT_WHISPER", stdin=Path(WHISPER).read_bytes())

    assert done.code == 0


@pytest.mark.parametrize(
    "arguments",
    [("no-such-file",), (".",), (), (LOCAL, "--kind", "SONG"), (LOCAL, "more")],
)
def test_wrong_usage_of_check_is_exit_code_two(arguments: tuple[str, ...]) -> None:
    assert run("flow", "check", *arguments).code == 2


# --- try ----------------------------------------------------------------------------------------


def test_g4_a_try_prints_what_is_heard_and_which_way_it_went() -> None:
    done = run("flow", "try", LOCAL, "--keys", "1,2,2025550199#,1")

    assert (done.code, done.errors) == (0, "")
    told = " ".join(done.lines)
    assert "Greeting hears Thank you for calling." in told
    assert "keys 2025550199# " in told
    assert "Set number does callback number +12025550199: accepted" in told
    assert done.lines[-1].endswith("ends disconnected")


def test_a_try_for_programs_tells_the_same() -> None:
    told = run("flow", "try", LOCAL, "--keys", "2", "--json").data

    assert told["heard"][0].startswith("Thank you for calling.")
    assert told["way"][-1] == "Wait in line"
    assert {"action": "Greeting", "what": "keys", "text": "2"} in told["lines"]
    assert told["end"]["how"]


def test_a_caller_who_is_left_waiting_has_no_end() -> None:
    waiting = str(SAMPLE_SITE / "flows" / "waiting.json")

    told = run("flow", "try", waiting, "--json").data

    assert told["heard"]
    assert told["end"] is None or told["end"]["how"]


def test_national_numbers_are_those_of_the_country(tmp_path: Path) -> None:
    path = tmp_path / "flow.json"
    path.write_text(Path(LOCAL).read_text("utf-8").replace('"CountryCode": "US"', '"Odd": "US"'))
    german = run(
        "flow", "try", str(path), "--keys", "1,2,03012345678#,1", "--country", "de", "--json"
    )
    american = run("flow", "try", str(path), "--keys", "1,2,03012345678#,1", "--json")

    assert "+493012345678" in german.output
    assert "+493012345678" not in american.output


@pytest.mark.parametrize("keys", ["1,a", "5551234;", "1 2", "+49"])
def test_what_is_not_on_a_keypad_is_wrong_usage(keys: str) -> None:
    done = run("flow", "try", LOCAL, "--keys", keys)

    assert (done.code, done.output) == (2, "")
    assert "not on a telephone's keypad" in done.errors


def test_a_flow_with_faults_is_not_tried(tmp_path: Path) -> None:
    path = a_flow(tmp_path, an_action("Fly", "Teleport", Transitions={}), BYE)

    for more in ((), ("--json",)):
        done = run("flow", "try", path, *more)

        assert (done.code, done.output) == (1, "")
        assert "Fly (Actions[0].Type)" in done.errors


def test_what_a_flow_says_cannot_command_the_terminal(tmp_path: Path) -> None:
    say = an_action(
        "Say",
        "MessageParticipant",
        Parameters={"Text": "a\u001b]0;owned\u0007b [bold]c[/bold]"},
        Transitions={
            "NextAction": "Bye",
            "Errors": [{"NextAction": "Bye", "ErrorType": "NoMatchingError"}],
        },
    )

    done = run("flow", "try", a_flow(tmp_path, say, BYE))

    assert done.code == 0
    assert "\x1b" not in done.output
    assert "a\ufffd]0;owned\ufffdb [bold]c[/bold]" in done.output
