"""What a flow may read: the attributes that a ``$.`` reference can name.

The world hands a fresh ``FlowContext`` over whenever an action that holds references is about to
run; nothing is cached between actions. The paths are those of Amazon Connect's list of contact
attributes; what exists in the cloud only is never found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# fmt: off
ROOTS = frozenset({
    "CustomerEndpoint", "SystemEndpoint", "CustomerId", "Queue", "TextToSpeechVoiceId",
    "ContactId", "InitialContactId", "PreviousContactId", "Task", "Channel", "InstanceARN",
    "InitiationMethod", "Name", "Description", "References", "LanguageCode", "Tags",
    "AwsRegion", "StoredCustomerInput", "Agent", "Metrics", "Attributes", "FlowAttributes",
    "External", "Modules", "Module", "Media", "Lex", "Case", "Customer", "Views", "Wisdom",
    "MediaStreams",
})
# fmt: on
"""First names of the references the language knows; anything else after ``$.`` is plain text."""

CLOUD_ROOTS = frozenset({"Lex", "Case", "Customer", "Views", "Wisdom", "MediaStreams"})
"""Those that name what exists in Amazon's cloud only."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a call as a flow sees it.

    Attributes:
        address: E.164, or the text the network gave.
    """

    address: str
    type: str = "TELEPHONE_NUMBER"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """The working queue (before queueing) or the queue the contact is in."""

    name: str
    arn: str
    outbound_caller_id: Endpoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """The agent of the contact; known from the agent whisper on."""

    user_name: str
    arn: str
    first_name: str = ""
    last_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowContext:
    """Everything a flow may read at one moment.

    Attributes:
        customer_endpoint: The customer's number; none if withheld.
        system_endpoint: The number that was dialled, or the caller ID of a callback.
        metrics: Path below ``$.Metrics`` to value, such as ``Queue.Size``.
        attributes: The contact's own attributes.
        external: What the last function returned; values may be nested mappings.
        sip_headers: Header name to value, of those Connect lists.
        stored_input: Filled in by the interpreter, as are ``flow_attributes``.
    """

    contact_id: str
    initial_contact_id: str
    previous_contact_id: str | None = None
    channel: str = "VOICE"
    initiation_method: str = "INBOUND"
    customer_endpoint: Endpoint | None = None
    system_endpoint: Endpoint | None = None
    customer_id: str | None = None
    language_code: str | None = None
    voice_id: str | None = None
    name: str | None = None
    description: str | None = None
    instance_arn: str | None = None
    queue: QueueView | None = None
    agent: AgentView | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    external: Mapping[str, object] = field(default_factory=dict)
    sip_headers: Mapping[str, str] = field(default_factory=dict)
    stored_input: str | None = None
    flow_attributes: Mapping[str, str] = field(default_factory=dict)

    def lookup(self, path: tuple[str, ...]) -> str | None:
        """Answer what a reference stands for; none if there is no such thing at the moment.

        Args:
            path: The names of the reference, ``("Attributes", "name")`` for ``$.Attributes.name``.
        """
        match path:
            case ("Attributes", key):
                return self.attributes.get(key)
            case ("FlowAttributes", key):
                return self.flow_attributes.get(key)
            case ("Tags", key):
                return self.tags.get(key)
            case ("Media", "Sip", "Headers", key):
                return self.sip_headers.get(key)
            case ("Metrics", *rest):
                return self.metrics.get(".".join(rest))
            case ("External", *rest):
                return _descend(self.external, rest)
            case _:
                return _descend(self._system(), path)

    def _system(self) -> Mapping[str, object]:
        return {
            "ContactId": self.contact_id,
            "InitialContactId": self.initial_contact_id,
            "PreviousContactId": self.previous_contact_id,
            "Channel": self.channel,
            "InitiationMethod": self.initiation_method,
            "CustomerEndpoint": _endpoint(self.customer_endpoint),
            "SystemEndpoint": _endpoint(self.system_endpoint),
            "CustomerId": self.customer_id,
            "LanguageCode": self.language_code,
            "TextToSpeechVoiceId": self.voice_id,
            "Name": self.name,
            "Description": self.description,
            "InstanceARN": self.instance_arn,
            "Queue": _queue(self.queue),
            "Agent": _agent(self.agent),
            "StoredCustomerInput": self.stored_input,
        }


def _endpoint(endpoint: Endpoint | None) -> Mapping[str, object] | None:
    return {"Address": endpoint.address, "Type": endpoint.type} if endpoint else None


def _queue(queue: QueueView | None) -> Mapping[str, object] | None:
    if queue is None:
        return None
    return {
        "Name": queue.name,
        "ARN": queue.arn,
        "OutboundCallerId": _endpoint(queue.outbound_caller_id),
    }


def _agent(agent: AgentView | None) -> Mapping[str, object] | None:
    if agent is None:
        return None
    return {
        "UserName": agent.user_name,
        "FirstName": agent.first_name,
        "LastName": agent.last_name,
        "ARN": agent.arn,
    }


def _descend(value: object, path: tuple[str, ...] | list[str]) -> str | None:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
