"""Alarms of holds (E9): reminders for the agent, and the limit after which a party comes back."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from ivr.domain.ids import ContactId
from ivr.domain.quick_connect import (
    HoldOwner,
    Party,
    Sound,
    TransferState,
    hearing,
    owner_of_hold,
)
from ivr.service.mailbox import HoldExpired, HoldReminded, Mailbox
from ivr.service.world import World


class HoldLimits:
    """Alarms for those who are on hold; each one that rings is a message to the session.

    Args:
        world: The site says the limit; without one nothing rings.
        mailbox: Where the message goes.
        contact_id: The contact whose session it is.
    """

    def __init__(self, world: World, mailbox: Mailbox, contact_id: ContactId) -> None:
        self._world = world
        self._mailbox = mailbox
        self._contact_id = contact_id
        self._alarms: dict[Party, asyncio.Task[None]] = {}

    def watch(self, state: TransferState, *, customer_since: datetime | None) -> None:
        """Set an alarm for whoever is on hold in this state, and forget those who are not.

        Args:
            state: Of the quick connect.
            customer_since: When the customer's hold began; the destination's begins now.
        """
        now = self._world.clock.now()
        self._watch(Party.CUSTOMER, customer_since or now, held=_waits_for_source(state))
        held = Sound.HOLD in hearing(state)[Party.DESTINATION]
        self._watch(Party.DESTINATION, now, held=held)

    def close(self) -> None:
        """Forget every alarm."""
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()

    def _watch(self, party: Party, since: datetime, *, held: bool) -> None:
        limit = self._world.site.now.hold_limit
        if not held:
            alarm = self._alarms.pop(party, None)
            if alarm is not None:
                alarm.cancel()
        elif limit is not None and party not in self._alarms:
            self._alarms[party] = self._world.guests.admit(
                f"hold {self._contact_id}", self._ring(party, since + limit)
            )

    async def _ring(self, party: Party, due: datetime) -> None:
        await self._world.clock.sleep_until(due)
        self._mailbox.post(self._contact_id, HoldExpired(party))


class HoldReminder:
    """Rings again and again while an agent talks, or is alone, with somebody on hold.

    Args:
        world: The site says how often; without that nothing rings.
        mailbox: Where the message goes.
        contact_id: The contact whose session it is.
    """

    def __init__(self, world: World, mailbox: Mailbox, contact_id: ContactId) -> None:
        self._world = world
        self._mailbox = mailbox
        self._contact_id = contact_id
        self._alarm: asyncio.Task[None] | None = None

    def watch(self, *, reminds: bool) -> None:
        """Begin to ring, go on, or stop; time counts from the beginning."""
        interval = self._world.site.now.hold_reminder
        if not reminds and self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        elif reminds and self._alarm is None and interval is not None:
            self._alarm = self._world.guests.admit(
                f"reminder {self._contact_id}", self._ring(interval)
            )

    async def _ring(self, interval: timedelta) -> None:
        clock = self._world.clock
        while True:
            await clock.sleep_until(clock.now() + interval)
            self._mailbox.post(self._contact_id, HoldReminded())


def _waits_for_source(state: TransferState) -> bool:
    """Whether the customer's hold has no other limit than the source's patience."""
    return owner_of_hold(state) is HoldOwner.SOURCE
