from __future__ import annotations

import pytest

from ivr.flow.context import AgentView, Endpoint, FlowContext, QueueView
from ivr.flow.reference import whole_reference

pytestmark = pytest.mark.unit

FULL = FlowContext(
    contact_id="c-2",
    initial_contact_id="c-1",
    previous_contact_id="c-0",
    initiation_method="CALLBACK",
    customer_endpoint=Endpoint("+12025550123"),
    system_endpoint=Endpoint("+12025550100"),
    customer_id="cust",
    language_code="de-DE",
    voice_id="Vicki",
    name="n",
    description="d",
    instance_arn="arn:i",
    queue=QueueView(name="Sales", arn="arn:q", outbound_caller_id=Endpoint("+12025550199")),
    agent=AgentView(user_name="ann", arn="arn:a", first_name="Ann", last_name="Lee"),
    metrics={"Queue.Size": "3", "Agents.Online.Count": "2"},
    attributes={"tier": "gold"},
    tags={"team": "x"},
    external={"name": "Bob", "ok": True, "count": 3, "deep": {"er": "yes"}},
    sip_headers={"From": "sip:a"},
    stored_input="42",
    flow_attributes={"step": "2"},
)
EMPTY = FlowContext(contact_id="c", initial_contact_id="c")


def look(context: FlowContext, text: str) -> str | None:
    reference = whole_reference(text)
    assert reference is not None
    return context.lookup(reference.path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.ContactId", "c-2"),
        ("$.InitialContactId", "c-1"),
        ("$.PreviousContactId", "c-0"),
        ("$.Channel", "VOICE"),
        ("$.InitiationMethod", "CALLBACK"),
        ("$.CustomerEndpoint.Address", "+12025550123"),
        ("$.CustomerEndpoint.Type", "TELEPHONE_NUMBER"),
        ("$.SystemEndpoint.Address", "+12025550100"),
        ("$.CustomerId", "cust"),
        ("$.LanguageCode", "de-DE"),
        ("$.TextToSpeechVoiceId", "Vicki"),
        ("$.Name", "n"),
        ("$.Description", "d"),
        ("$.InstanceARN", "arn:i"),
        ("$.Queue.Name", "Sales"),
        ("$.Queue.ARN", "arn:q"),
        ("$.Queue.OutboundCallerId.Address", "+12025550199"),
        ("$.Agent.UserName", "ann"),
        ("$.Agent.FirstName", "Ann"),
        ("$.Agent.LastName", "Lee"),
        ("$.Agent.ARN", "arn:a"),
        ("$.Metrics.Queue.Size", "3"),
        ("$.Metrics.Agents.Online.Count", "2"),
        ("$.Attributes.tier", "gold"),
        ("$.FlowAttributes.step", "2"),
        ("$.Tags.team", "x"),
        ("$.StoredCustomerInput", "42"),
        ("$.External.name", "Bob"),
        ("$.External.ok", "true"),
        ("$.External.count", "3"),
        ("$.External.deep.er", "yes"),
        ("$.Media.Sip.Headers.From", "sip:a"),
    ],
)
def test_paths(text: str, value: str) -> None:
    assert look(FULL, text) == value


@pytest.mark.parametrize(
    "text",
    [
        "$.CustomerEndpoint.Address",
        "$.Queue.Name",
        "$.Agent.ARN",
        "$.StoredCustomerInput",
        "$.Attributes.tier",
        "$.External.name",
        "$.Lex.Slots.City",
        "$.AwsRegion",
    ],
)
def test_what_is_not_there_stands_for_nothing(text: str) -> None:
    assert look(EMPTY, text) is None


def test_groups_are_no_values() -> None:
    assert look(FULL, "$.Queue") is None
    assert look(FULL, "$.External.deep") is None
    assert look(FULL, "$.ContactId.More") is None
