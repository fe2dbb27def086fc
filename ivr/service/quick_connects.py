"""Use cases of quick connects: one call per verb, for whoever acts for an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ivr.domain.contact import ContactState
from ivr.domain.errors import NotFound, NotNow
from ivr.domain.ids import AgentId, ContactId
from ivr.domain.phone_number import mask
from ivr.domain.quick_connect import QuickConnect, allowed_verbs
from ivr.domain.transfer import Transfer, Verb, banner, event_of, is_held
from ivr.service.mailbox import Arrived, Mailbox, TransferAsked, VerbAsked
from ivr.service.world import World

_OF_PARTY = ("contact_id", "quick_connect", "agent", "state", "detail")


class QuickConnects:
    """What agents do with quick connects."""

    def __init__(self, world: World, mailbox: Mailbox) -> None:
        self._world = world
        self._mailbox = mailbox

    def of_agent(self, agent_id: AgentId) -> Sequence[QuickConnect]:
        """The quick connects that an agent can start.

        Raises:
            NotFound: There is no such agent.
        """
        return self._world.site.now.quick_connects_of(agent_id)

    async def start(
        self,
        contact_id: ContactId,
        reference: str,
        *,
        hold: bool = True,
        key: str | None = None,
        second: Arrived | None = None,
    ) -> None:
        """Start a quick connect for the agent of a connected contact.

        Args:
            contact_id: The contact.
            reference: The quick connect's id or name.
            hold: Whether the customer is put on hold; else the destination joins the talk.
            key: Of the request; the same key is carried out once.
            second: The line on which the agent goes on, if it was dialled on a second one.

        Raises:
            NotFound: There is no such contact or quick connect, or not for this agent.
            NotNow: It cannot be started as things stand.
        """
        contact = await self._world.store.contact(contact_id)
        if contact is None:
            raise NotFound(f"no contact {contact_id!r}")
        if contact.state is not ContactState.CONNECTED or contact.agent_id is None:
            raise NotNow("only a connected contact can be transferred")
        chosen = self._world.site.now.quick_connect(reference)
        if chosen not in self.of_agent(contact.agent_id):
            raise NotFound(f"agent {contact.agent_id!r} has no quick connect {reference!r}")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._ask(contact_id, TransferAsked(chosen, hold, key, answer, second))

    async def use(
        self,
        contact_id: ContactId,
        verb: Verb,
        *,
        key: str | None = None,
        party: ContactId | None = None,
    ) -> None:
        """Use a verb of the quick connect that the contact's agent has started.

        Args:
            contact_id: The contact.
            verb: What to do.
            key: Of the request; the same key is carried out once.
            party: Contact of a party of the conference, which can only be dropped.

        Raises:
            NotNow: There is none, or the verb makes no sense in its state.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._ask(contact_id, VerbAsked(verb, key, answer, party))

    async def _ask(self, contact_id: ContactId, message: TransferAsked | VerbAsked) -> None:
        if not self._mailbox.is_open(contact_id) or self._mailbox.is_lent(contact_id):
            raise NotNow("the agent of this contact controls no quick connect")
        self._mailbox.post(contact_id, message)
        await message.answer

    async def view(self, contact_id: ContactId) -> Mapping[str, Any]:
        """The quick connect that a contact's agent has the controls of, or had, on its screen.

        Raises:
            NotFound: None was started.
        """
        transfer = await self._world.store.latest_transfer_of(contact_id)
        if transfer is None:
            raise NotFound(f"no quick connect was started from contact {contact_id!r}")
        rows = await self._world.store.open_transfers_of(contact_id)
        parties = [await self._shown_party(each) for each in rows if each.is_party]
        return {**await self._shown(transfer), "parties": parties}

    async def _shown_party(self, transfer: Transfer) -> Mapping[str, Any]:
        whole = await self._shown(transfer)
        return {name: whole[name] for name in _OF_PARTY}

    async def _shown(self, transfer: Transfer) -> Mapping[str, Any]:
        destination = await self._world.store.contact(transfer.contact_id)
        seen = banner(transfer.kind, transfer.state)
        allowed = allowed_verbs(transfer.state)
        verbs = [verb.value for verb in Verb if event_of(verb, transfer.state) in allowed]
        return {
            "contact_id": transfer.contact_id,
            "source_contact_id": transfer.source_id,
            "quick_connect": transfer.quick_connect_id,
            "type": transfer.kind.value,
            "step": transfer.state.value,
            "state": seen.state,
            "detail": seen.detail,
            "customer_on_hold": is_held(transfer.state),
            "agent": destination.agent_id if destination else None,
            "verbs": [] if transfer.handed_over else verbs,
            "began_at": transfer.began_at.isoformat(),
            "ended_at": transfer.ended_at.isoformat() if transfer.ended_at else None,
        }


def shown(quick_connect: QuickConnect) -> Mapping[str, Any]:
    """A quick connect for a list to choose from; numbers hidden."""
    number = mask(quick_connect.number) if quick_connect.number else None
    return {
        "id": quick_connect.id,
        "name": quick_connect.name,
        "type": quick_connect.kind.value,
        "destination": quick_connect.agent_id or quick_connect.queue_id or number,
        "code": quick_connect.code,
    }
