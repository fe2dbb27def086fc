from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ivr.flow.effects import Hook, SetHook
from ivr.flow.errors import InvalidFlow
from ivr.flow.parameters import Mention, MentionKind
from tests.flow_driver import CONTEXT, a_document, action, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "UpdateContactEventHooks"


def whisper_disabled(value: str) -> dict[str, Any]:
    return {"EventHooksConfiguration": {"AgentWhisper": {"DisableExecution": value}}}


# Exactly one hook; its flow by a literal or a reference.


@pytest.mark.parametrize("hook", list(Hook))
def test_flow_of_a_hook_is_set(hook: Hook) -> None:
    driven = drive_action(TYPE, {"EventHooks": {hook.value: "f-9"}}, True)

    assert driven.asked == [SetHook(hook, "f-9")]
    assert went_to(driven) == "Success"


def test_reference_names_the_flow() -> None:
    context = replace(CONTEXT, attributes={"w": "f-7"})

    driven = drive_action(
        TYPE, {"EventHooks": {"AgentWhisper": "$.Attributes.w"}}, True, context=context
    )

    assert driven.asked == [SetHook(Hook.AGENT_WHISPER, "f-7")]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "exactly one hook"),
        ({"EventHooks": {"AgentWhisper": "a", "CustomerQueue": "b"}}, "exactly one hook"),
        ({"EventHooks": {"OutboundWhisper": "a"}}, "there is no hook OutboundWhisper"),
        (
            {"EventHooksConfiguration": {"CustomerQueue": {"DisableExecution": "true"}}},
            "EventHooksConfiguration is for whispers",
        ),
    ],
)
def test_wrong_hooks_are_faults(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFlow, match=message):
        a_document(action("a", TYPE, parameters))


def test_unknown_flow_takes_the_error_branch() -> None:
    driven = drive_action(TYPE, {"EventHooks": {"CustomerQueue": "x"}}, False)

    assert went_to(driven) == "NoMatchingError"


# DisableExecution = no whisper at all, also beside a flow.


@pytest.mark.parametrize("more", [{}, {"EventHooks": {"AgentWhisper": "f-9"}}])
def test_whisper_can_be_turned_off(more: dict[str, Any]) -> None:
    driven = drive_action(TYPE, whisper_disabled("True") | more, True)

    assert driven.asked == [SetHook(Hook.AGENT_WHISPER, None)]


def test_whisper_that_is_not_turned_off_has_its_flow() -> None:
    driven = drive_action(
        TYPE, whisper_disabled("false") | {"EventHooks": {"AgentWhisper": "f-9"}}, True
    )

    assert driven.asked == [SetHook(Hook.AGENT_WHISPER, "f-9")]


def findings(parameters: dict[str, Any]) -> list[str]:
    document = a_document(
        action("a", TYPE, parameters, to="b", errors={"NoMatchingError": "b"}), end("b")
    )
    return [finding.message for finding in document.warnings]


def test_setting_that_says_nothing_changes_nothing() -> None:
    driven = drive_action(TYPE, whisper_disabled("false"))

    assert driven.asked == []
    assert went_to(driven) == "Success"
    assert findings(whisper_disabled("false")) == [
        "no flow is named for AgentWhisper: nothing changes"
    ]


# Hooks that exist in the cloud only are set without effect, and are no error.


def test_cloud_hook_succeeds_without_effect() -> None:
    parameters = {"EventHooks": {"DefaultAgentUI": "f-9"}}

    driven = drive_action(TYPE, parameters)

    assert driven.asked == []
    assert went_to(driven) == "Success"
    assert findings(parameters) == [
        "DefaultAgentUI exists in the cloud only: it is set and never runs"
    ]


def test_flow_is_mentioned_where_it_would_run() -> None:
    document = a_document(
        action("a", TYPE, {"EventHooks": {"CustomerHold": "f-9"}}),
        action("b", TYPE, {"EventHooks": {"PauseContact": "f-8"}}),
        action("c", TYPE, whisper_disabled("true")),
    )

    assert list(document.mentions()) == [("a", Mention(MentionKind.FLOW, "f-9"))]
