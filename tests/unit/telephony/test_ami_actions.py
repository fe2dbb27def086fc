"""What is said to the Manager Interface."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.ids import ContactId, Endpoint, LegId
from ivr.ports.telephony import PROGRAM, CallOrder, ToEndpoint
from ivr.telephony.ami import actions
from ivr.telephony.write_guard import Unsendable, ami_message

pytestmark = pytest.mark.unit


def an_order(*, contact: str = "k1", auto_answer: bool = False) -> CallOrder:
    return CallOrder(
        leg_id=LegId("k1-a1"),
        to=ToEndpoint(endpoint=Endpoint("anna")),
        caller_number="+4930111111",
        caller_name="Jo",
        ring=timedelta(milliseconds=1500),
        answer_at=PROGRAM,
        contact_id=ContactId(contact),
        auto_answer=auto_answer,
    )


def test_order_names_its_leg_in_its_action_id() -> None:
    action = actions.originate(an_order(), "PJSIP/anna")

    assert actions.originated_leg(action.action_id or "") == "k1-a1"
    assert actions.originated_leg("action/1") is None
    assert ("Async", "true") in action.headers
    assert ("Timeout", "1500") in action.headers


def test_every_variable_is_a_header_of_its_own() -> None:
    action = actions.originate(an_order(auto_answer=True), "PJSIP/anna")

    assert [value for name, value in action.headers if name == "Variable"] == [
        "PJSIP_HEADER(add,X-Contact-Id)=k1",
        "PJSIP_HEADER(add,Call-Info)=<sip:auto>;answer-after=0",
        "PJSIP_HEADER(add,Alert-Info)=<sip:auto>;info=alert-autoanswer",
    ]


def test_the_keys_of_an_agent_may_be_codes() -> None:
    action = actions.originate(replace(an_order(), keys_codes=True), "PJSIP/anna")

    assert ("Variable", "IVR_MENU=codes") in action.headers


def test_contact_that_would_set_another_variable_is_refused() -> None:
    with pytest.raises(Unsendable):
        actions.originate(an_order(contact="k1,EVIL=yes"), "PJSIP/anna")


@pytest.mark.parametrize(
    ("number", "name", "shown"),
    [
        ("+4930111111", "Jo", '"Jo" <+4930111111>'),
        ("+4930111111", None, "<+4930111111>"),
        ("+4930111111", " ", "<+4930111111>"),
        ("+4930111111", 'A "B" \\ C', '"A \\"B\\" \\\\ C" <+4930111111>'),
        ("+4930111111", "A\r\nB\0\u202e", '"AB" <+4930111111>'),
        ("*81", "José", '"José" <*81>'),
        (None, "Jo", ""),
        ("", "Jo", ""),
        ("1>,<2", "Jo", ""),
        ("+4930111111\r\nX: y", "Jo", ""),
    ],
)
def test_caller_id_as_asterisk_reads_it(number: str | None, name: str | None, shown: str) -> None:
    assert actions.caller_id(number, name) == shown


@given(st.none() | st.text(), st.none() | st.text())
def test_any_caller_id_can_be_sent(number: str | None, name: str | None) -> None:
    written = ami_message([("CallerID", actions.caller_id(number, name))])

    assert written.count(b"\r\n") == 2
