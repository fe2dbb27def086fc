"""The running contact centre: legs and events find their contact, pillars do the rest."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from ivr.domain.contact import Contact, ContactState, InitiationMethod
from ivr.domain.errors import LeaseLost, NotFound, NotNow, StoreError
from ivr.domain.ids import E164, AgentId, ContactId, LegId
from ivr.domain.phone_number import parse_any
from ivr.domain.site import Site
from ivr.flow.memory import Memory, ResumePoint
from ivr.ports.store import Note
from ivr.ports.telephony import END, Participant, PhoneChanged, SwitchDown, SwitchEvent, SwitchUp
from ivr.service.agents import Agents
from ivr.service.callbacks import Callbacks, until_known
from ivr.service.contact_session import ContactSession
from ivr.service.lines import contact_named_by
from ivr.service.mailbox import Arrived, Doubted, Mailbox, OfferWon
from ivr.service.monitors import Supervisors
from ivr.service.quick_connects import QuickConnects
from ivr.service.reconcile import is_on_a_line, reconcile
from ivr.service.router import Router
from ivr.service.supervision import Wake, keep_doing
from ivr.service.world import World

logger = logging.getLogger(__name__)

SWEEP = timedelta(seconds=30)
RECENT = 200
"""Among so many latest contacts is the one that ended while its leg waited for a controller."""


class ContactCentre:
    """Everything that runs, and the doors to it.

    Args:
        world: Ports and bells.
        sweep: How often store and switch are compared though nothing seems to have happened.

    Attributes:
        agents: Use cases of agents.
        callbacks: Use cases of callbacks.
        quick_connects: Use cases of quick connects.
        supervisors: Use cases of supervisors.
    """

    def __init__(self, world: World, *, sweep: timedelta = SWEEP) -> None:
        self._world = world
        self._sweep = sweep
        self._mailbox = Mailbox()
        self._compared = asyncio.Event()
        self._compare = Wake()
        self._phones: asyncio.Queue[PhoneChanged] = asyncio.Queue()
        self.callbacks = Callbacks(world, self._mailbox)
        self.quick_connects = QuickConnects(world, self._mailbox)
        self.supervisors = Supervisors(world, self._mailbox)
        self.agents = Agents(world, self.quick_connects)
        self._router = Router(world, self._offer, self._compared.is_set)

    async def run(self) -> None:
        """Run the pillars; one that fails ends all."""
        async with asyncio.TaskGroup() as pillars:
            pillars.create_task(self._router.run(), name="router")
            pillars.create_task(self.callbacks.run(), name="timers")
            pillars.create_task(self._keep_comparing(), name="reconcile")
            pillars.create_task(self._watch_phones(), name="phones")

    # --- doors ----------------------------------------------------------------------------------

    def on_event(self, event: SwitchEvent) -> None:
        """Take an event of the switch; only puts it where it belongs."""
        match event:
            case SwitchUp():
                self._compare.ring()
            case SwitchDown():
                self._compared.clear()
            case PhoneChanged():
                self._phones.put_nowait(event)
            case _:
                self._mailbox.deliver(event)

    async def receive(self, participant: Participant) -> None:
        """Take a leg in hand until it goes to its next place.

        Raises:
            StoreError: The contact could not be read or written; the leg goes back to the
                dialplan, which tries again.
        """
        match participant.entry.script:
            case "feature":
                await self.agents.feature(participant)
            case "inbound":
                await self._inbound(participant)
            case _:
                await self._hand_over(participant)

    async def stop(self, contact_id: ContactId, by: str) -> bool:
        """End a contact with everybody in it; of a callback nothing is dialled any more.

        Args:
            contact_id: A call, a callback, or what one was handed over to.
            by: Who stops it, for the journal.

        Returns:
            Whether it was still open.

        Raises:
            NotFound: There is no such contact.
            NotNow: A quick connect leads to it, and its source is still there.
        """
        world = self._world

        async def try_once() -> bool | None:
            contact = await world.store.contact(contact_id)
            if contact is None:
                message = f"no contact {contact_id!r}"
                raise NotFound(message)
            if contact.is_callback:
                return await self.callbacks.stop(contact_id, by)
            if contact.state is ContactState.ENDED:
                return False
            transfer = await world.store.transfer(contact_id)
            if transfer is not None and transfer.is_open and not transfer.handed_over:
                raise NotNow("a quick connect leads to it: cancel that, or stop its source")
            if await self._mailbox.stop(contact_id):
                note = Note("contact_stopped", {"by": by})
                await world.store.note(contact_id, note, now=world.clock.now())
                return True
            return None

        return await until_known(world.clock, try_once)

    async def _hand_over(self, participant: Participant) -> None:
        """Give a leg to the session it belongs to; one of nobody is hung up.

        A called phone that redirects (302) can make the switch bring a stranger here.
        """
        if not await self._is_compared():
            return
        leg_id, released = participant.leg_id, asyncio.Event()
        if self._mailbox.owner(leg_id) is None:
            await self._take_up(await self._open_contact_of(leg_id))
        owner = self._mailbox.owner(leg_id)
        if owner is None or not self._mailbox.post(owner, Arrived(participant, released)):
            logger.warning(
                "A leg belongs to nobody", extra={"event": "leg_of_nobody", "leg_id": leg_id}
            )
            await participant.leave(END)
            return
        await released.wait()

    async def _inbound(self, participant: Participant) -> None:
        if not await self._is_compared():
            return
        if self._mailbox.owner(participant.leg_id) is None:
            contact = await self._contact_of(participant)
            if contact is None:
                contact = await self._new_contact(participant)
                if contact is None:
                    await participant.refuse()
                    return
                self._start(contact)
            else:
                await self._take_up(contact)
        await self._hand_over(participant)

    async def _take_up(self, contact: Contact | None) -> None:
        """Make the session of a contact whose session has failed; it compares first."""
        if contact is not None and is_on_a_line(contact) and not self._mailbox.is_open(contact.id):
            await self._start_driver_of(contact)
            self._mailbox.post(contact.id, Doubted())

    async def _start_driver_of(self, contact: Contact) -> None:
        """Start the session that has a contact's legs in hand: its own, or a quick connect's."""
        store = self._world.store
        transfer = await store.transfer(contact.id) if contact.is_transfer else None
        source = None
        if transfer is not None and transfer.is_open:
            source = await store.contact(transfer.source_id)
        if source is None:
            self._start(contact)
        else:
            self._start(source)
            self._mailbox.lend(contact.id, source.id)

    async def _open_contact_of(self, leg_id: LegId) -> Contact | None:
        contacts = await self._world.store.open_contacts()
        known = (each for each in contacts if leg_id in (each.customer_leg, each.adopted_leg))
        named = contact_named_by(leg_id)
        found = next(known, None)
        return found or (await self._world.store.contact(named) if named else None)

    def site_changed(self) -> None:
        """Look anew who can be reached, and what can be offered to them."""
        self._compare.ring()
        self._world.router.ring()

    async def _is_compared(self) -> bool:
        """Wait a moment for the comparison after a start, so that no contact is made twice.

        Returns:
            Whether legs can be handed over; otherwise this one knocks again.
        """
        try:
            async with asyncio.timeout(3):
                await self._compared.wait()
        except TimeoutError:
            logger.warning("The switch is not compared yet", extra={"event": "not_compared"})
        return self._compared.is_set()

    async def _contact_of(self, participant: Participant) -> Contact | None:
        """The contact of a leg that knocks again; its flow may have ended meanwhile."""
        if participant.entry.tries == 0:
            return None
        leg_id = participant.leg_id
        recent = await self._world.store.recent_contacts(RECENT)
        ended = (each for each in recent if each.customer_leg == leg_id)
        return await self._open_contact_of(leg_id) or next(ended, None)

    async def _new_contact(self, participant: Participant) -> Contact | None:
        """Make the contact of a new call; none if its number is not ours."""
        world, entry, now = self._world, participant.entry, self._world.clock.now()
        site = world.site.now
        number = site.number(entry.dialled or "")
        flow = world.site.find(number.flow) if number is not None else None
        if number is None or flow is None:
            return None
        account = next((c for c in site.callers if c.endpoint == entry.endpoint), None)
        caller = account.number if account else _read(entry.caller, site)
        contact_id = world.new_id()
        contact = Contact(
            id=contact_id,
            initial_id=contact_id,
            initiation=InitiationMethod.INBOUND,
            state=ContactState.IN_FLOW,
            customer_number=caller,
            customer_name=entry.caller_name,
            system_number=number.number,
            customer_leg=participant.leg_id,
            caller_account=account.id if account else None,
            place_at=now,
            initiated_at=now,
            connected_to_system_at=now,
            language=site.language,
            attributes=await self._caller_attributes(caller),
            position=ResumePoint(flow.id, flow.version, flow.document.start, Memory()).as_json(),
        )
        await world.store.create_contact(contact, Note("contact_began", {"flow": number.flow}))
        world.failpoint("after_contact_commit")
        return contact

    async def _caller_attributes(self, caller: E164 | None) -> dict[str, str]:
        """What a flow can see of the caller: may the number be dialled, is a callback open."""
        site = self._world.site.now
        dialable = caller is not None and site.policy.check(caller) is None
        attributes = {"ivr_caller_number_dialable": "true" if dialable else "false"}
        if caller is not None:
            found = await self._world.store.open_callback_of(caller)
            if found is not None:
                contact, callback = found
                attributes["ivr_open_callback_id"] = contact.id
                attributes["ivr_open_callback_queue"] = site.queue(callback.queue_id).name
                attributes["ivr_open_callback_state"] = contact.state.value
        return attributes

    # --- sessions -------------------------------------------------------------------------------

    def _start(self, contact: Contact) -> None:
        if self._mailbox.is_open(contact.id):
            return
        session = ContactSession(self._world, self._mailbox, contact, self._start)
        self._world.guests.admit(f"contact {contact.id}", self._serve(session))

    async def _serve(self, session: ContactSession) -> None:
        try:
            await session.run()
        except BaseException:
            self._compare.ring()  # what it leaves behind is put right at once
            raise

    def _offer(self, contact_id: ContactId, agent_id: AgentId, number: int) -> None:
        if not self._mailbox.post(contact_id, OfferWon(contact_id, agent_id, number)):
            self._world.guests.admit(
                f"offer {contact_id}", self._offer_to_new_session(contact_id, agent_id, number)
            )

    async def _offer_to_new_session(
        self, contact_id: ContactId, agent_id: AgentId, number: int
    ) -> None:
        contact = await self._world.store.contact(contact_id)
        if contact is not None:
            await self._start_driver_of(contact)
            self._mailbox.post(contact_id, OfferWon(contact_id, agent_id, number))

    # --- pillars --------------------------------------------------------------------------------

    async def _keep_comparing(self) -> None:
        await keep_doing(self._world.clock, "reconcile", self._wait_and_compare)

    async def _wait_and_compare(self) -> None:
        async with asyncio.TaskGroup() as group:
            bell = group.create_task(self._compare.wait(), name="compare bell")
            sweep = group.create_task(
                self._world.clock.sleep_until(self._world.clock.now() + self._sweep),
                name="sweep",
            )
            await asyncio.wait({bell, sweep}, return_when=asyncio.FIRST_COMPLETED)
            bell.cancel()
            sweep.cancel()
        try:
            done = await reconcile(self._world, self._mailbox, self._start)
        except StoreError:
            self._compare.ring()
            raise
        if done and not self._compared.is_set():
            self._compared.set()
            logger.info("Store and switch are compared", extra={"event": "switch_compared"})
        self._world.router.ring()

    async def _watch_phones(self) -> None:
        while True:
            change = await self._phones.get()
            try:
                await self.agents.phone_changed(change.endpoint, reachable=change.reachable)
            except LeaseLost:
                raise
            except StoreError as error:
                logger.warning(
                    "A phone's state could not be kept",
                    extra={"event": "phone_not_kept", "cause": error.code},
                )


def _read(caller: str | None, site: Site) -> E164 | None:
    return parse_any(caller, site.country, known=site.account_numbers) if caller else None
