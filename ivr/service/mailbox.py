"""One inbox per contact, and which leg belongs to which contact."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ivr.domain.ids import AgentId, ContactId, LegId
from ivr.domain.monitor import MonitorVerb
from ivr.domain.quick_connect import Party, QuickConnect
from ivr.domain.transfer import Verb
from ivr.ports.telephony import LegEvent, Participant
from ivr.service.flow_runner import Played
from ivr.service.lines import contact_named_by


@dataclass(frozen=True, slots=True)
class Arrived:
    """A leg was handed to the controller; set ``released`` when it may go on."""

    participant: Participant
    released: asyncio.Event


@dataclass(frozen=True, slots=True)
class ProgramEnded:
    """What ran on a leg is over; the leg waits for its next place, or is gone."""

    participant: Participant
    played: Played


@dataclass(frozen=True, slots=True)
class OfferWon:
    """Routing reserved this agent for a contact; ``number`` counts its offers."""

    contact_id: ContactId
    agent_id: AgentId
    number: int


@dataclass(frozen=True, slots=True)
class StopRequested:
    """End the contact; the answer says whether it was still open."""

    answer: asyncio.Future[bool]


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """The contact's agent asks for a quick connect; a refusal is the answer's exception.

    Attributes:
        hold: Whether the customer is put on hold.
        key: Of the request; the same request is carried out once.
        second: The agent's second line, if the quick connect was dialled on one.
    """

    quick_connect: QuickConnect
    hold: bool
    key: str | None
    answer: asyncio.Future[None]
    second: Arrived | None = None


@dataclass(frozen=True, slots=True)
class VerbAsked:
    """The contact's agent uses a verb of a quick connect; a refusal is the answer's exception.

    Attributes:
        party: Whose it is, by contact; none = of the one with the controls.
    """

    verb: Verb
    key: str | None
    answer: asyncio.Future[None]
    party: ContactId | None = None


@dataclass(frozen=True, slots=True)
class MonitorAsked:
    """A supervisor asks for something; a refusal is the answer's exception."""

    supervisor_id: AgentId
    verb: MonitorVerb
    answer: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class HoldExpired:
    """Somebody in a quick connect has been on hold for as long as the site allows."""

    party: Party


@dataclass(frozen=True, slots=True)
class HoldReminded:
    """The contact's agent has had somebody on hold for some time."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """Events may have been missed: compare with the switch."""


Message = (
    LegEvent
    | Arrived
    | ProgramEnded
    | OfferWon
    | StopRequested
    | TransferAsked
    | VerbAsked
    | MonitorAsked
    | HoldExpired
    | HoldReminded
    | Doubted
)


@dataclass(slots=True)
class Inbox:
    """The messages of one contact, handled one after the other by its session."""

    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)


class Mailbox:
    """Finds the inbox a message belongs to."""

    def __init__(self) -> None:
        self._inboxes: dict[ContactId, Inbox] = {}
        self._contact_of: dict[LegId, ContactId] = {}
        self._lent: dict[ContactId, ContactId] = {}

    def open(self, contact_id: ContactId) -> Inbox:
        """Give a contact an inbox; it must have none."""
        inbox = Inbox()
        self._inboxes[contact_id] = inbox
        return inbox

    def lend(self, contact_id: ContactId, to: ContactId) -> None:
        """Have another contact's session handle the messages of this one."""
        self._inboxes[contact_id] = self._inboxes[to]
        self._lent[contact_id] = to

    def take_back(self, contact_id: ContactId) -> None:
        """End a loan; the contact has no inbox then."""
        self._inboxes.pop(contact_id, None)
        self._lent.pop(contact_id, None)

    def close(self, contact_id: ContactId) -> None:
        """Take the inbox away, also from contacts it was lent to; later messages find nobody."""
        self._inboxes.pop(contact_id, None)
        for lent in [each for each, to in self._lent.items() if to == contact_id]:
            self.take_back(lent)
        gone = [leg for leg, owner in self._contact_of.items() if owner == contact_id]
        for leg in gone:
            del self._contact_of[leg]

    def bind(self, leg_id: LegId, contact_id: ContactId) -> None:
        """Say whose leg this is."""
        self._contact_of[leg_id] = contact_id

    def owner(self, leg_id: LegId) -> ContactId | None:
        """The open contact a leg belongs to, also one that its session does not know of yet."""
        owner = self._contact_of.get(leg_id) or contact_named_by(leg_id)
        return owner if owner in self._inboxes else None

    def is_open(self, contact_id: ContactId) -> bool:
        """Whether somebody handles this contact's messages."""
        return contact_id in self._inboxes

    def is_lent(self, contact_id: ContactId) -> bool:
        """Whether another contact's session handles its messages."""
        return contact_id in self._lent

    def open_ids(self) -> tuple[ContactId, ...]:
        """Contacts that have an inbox of their own."""
        return tuple(each for each in self._inboxes if each not in self._lent)

    def post(self, contact_id: ContactId, message: Message) -> bool:
        """Put a message into a contact's inbox; whether it has one."""
        inbox = self._inboxes.get(contact_id)
        if inbox is None:
            return False
        inbox.messages.put_nowait(message)
        return True

    async def stop(self, contact_id: ContactId) -> bool:
        """Have a contact's session end it; not if there is none, or if it is about to be over."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        return self.post(contact_id, StopRequested(answer)) and await answer

    def deliver(self, event: LegEvent) -> bool:
        """Put a leg's event into its contact's inbox; whether it has one."""
        owner = self.owner(event.leg_id)
        return owner is not None and self.post(owner, event)
