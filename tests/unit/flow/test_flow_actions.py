from __future__ import annotations

import importlib
import pkgutil

import pytest

from ivr.flow import actions
from ivr.flow.actions import ACTIONS
from ivr.flow.registry import ActionFamily, Needs

pytestmark = pytest.mark.unit

REQUIRED = {
    "MessageParticipant",
    "GetParticipantInput",
    "UpdateContactCallbackNumber",
    "CreateCallbackContact",
    "UpdateContactTargetQueue",
    "TransferContactToQueue",
    "TransferContactToAgent",
    "MessageParticipantIteratively",
    "UpdateContactEventHooks",
    "UpdateContactAttributes",
    "Compare",
    "CheckHoursOfOperation",
    "CheckMetricData",
    "Loop",
    "TransferToFlow",
    "EndFlowExecution",
    "DisconnectParticipant",
    "UpdateContactRecordingBehavior",
    "UpdatePreviousContactParticipantState",
}

FOLDERS = {
    "participant": Needs.PARTICIPANT,
    "contact": Needs.CONTACT,
    "flow_control": Needs.NOTHING,
    "interaction": Needs.INTEGRATION,
}


def families() -> dict[str, ActionFamily]:
    found = {}
    for module in pkgutil.walk_packages(actions.__path__, f"{actions.__name__}."):
        family = getattr(importlib.import_module(module.name), "family", None)
        if family is not None:
            found[module.name.removeprefix(f"{actions.__name__}.")] = family
    return found


def test_every_family_is_registered() -> None:
    declared = {
        definition.name: definition for family in families().values() for definition in family
    }

    assert declared.keys() == REQUIRED
    assert all(ACTIONS.get(name) is definition for name, definition in declared.items())


def test_folder_says_what_an_action_needs() -> None:
    for name, family in families().items():
        assert family.needs is FOLDERS[name.split(".")[0]], name


def test_required_actions_run_here() -> None:
    assert {definition.name for definition in ACTIONS if not definition.unavailable} == REQUIRED
