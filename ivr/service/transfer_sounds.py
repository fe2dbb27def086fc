"""What each party of a quick connect hears: where its leg belongs, and what is played to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.domain.errors import NotFound
from ivr.domain.quick_connect import (
    Hears,
    Party,
    QuickConnectKind,
    Sound,
    TransferState,
    hearing,
)
from ivr.domain.transfer import talks
from ivr.flow.effects import Hook, PreviousOnHold
from ivr.flow.kinds import FlowKind
from ivr.flow.step import PinnedFlow
from ivr.ports.telephony import END, HOLD, PROGRAM, QUIET, RINGBACK, Place, room
from ivr.service.lines import Line

if TYPE_CHECKING:
    from ivr.service.contact_session import ContactSession
    from ivr.service.transfer_run import TransferRun

_WHISPERS = {
    Party.CUSTOMER: (Hook.CUSTOMER_WHISPER, FlowKind.CUSTOMER_WHISPER),
    Party.SOURCE: (Hook.CUSTOMER_WHISPER, FlowKind.CUSTOMER_WHISPER),
    Party.DESTINATION: (Hook.AGENT_WHISPER, FlowKind.AGENT_WHISPER),
}

_ON_HOLD = {
    TransferState.SOURCE_FLOW: PreviousOnHold.CUSTOMER,
    TransferState.CUSTOMER_FLOW: PreviousOnHold.AGENT,
    TransferState.JOINT_FLOW: PreviousOnHold.NOBODY,
}
"""What a transfer flow is told of the previous contact."""


class TransferSounds:
    """The voice of one quick connect; it decides nothing."""

    def __init__(self, run: TransferRun, session: ContactSession) -> None:
        self._run = run
        self._s = session

    def heard_on(self, line: Line) -> Hears:
        """What a line hears in this state; the flow's own leg plays its flow to the room."""
        if line is self._run.flow.line:
            return frozenset({Sound.TRANSFER_FLOW})
        return hearing(self._run.state)[self._run.party_of(line)]

    def place_for(self, line: Line) -> Place:
        """Where a line belongs in this state."""
        if line is self._run.flow.line or self._run.asks_to_accept(line):
            return PROGRAM
        return self.place_of(self._run.party_of(line))

    def place_of(self, party: Party) -> Place:
        """Where a party's leg belongs in this state."""
        state = self._run.state
        hears = hearing(state)[party]
        if talks(hears) or (party is Party.SOURCE and state is TransferState.ALL_HELD):
            return room(self._s.contact.talks_in)
        if Sound.HOLD in hears and party is Party.CUSTOMER:
            return self._s.performer.hold_place()
        if Sound.RINGING in hears:
            return RINGBACK
        if not hears:
            return QUIET if party is Party.DESTINATION else END
        return PROGRAM

    async def serve(self, line: Line) -> None:
        """Give a leg that is in hand what its part and the state ask for."""
        party, hands, contact = self._run.party_of(line), self._s.performer, self._run.contact
        hears = self.heard_on(line)
        if self._run.asks_to_accept(line):
            hands.ask_to_accept(line)
        elif talks(hears):
            await line.send(self._s.world.switch, self.place_of(party))
        elif Sound.HOLD in hears and party is Party.CUSTOMER:
            flow = hands.hold_flow()
            if flow is None:
                await line.send(self._s.world.switch, HOLD)
            else:
                hands.play(line, flow, self._s.contact)
        elif Sound.HOLD in hears:
            hands.play(line, self._hooked(FlowKind.AGENT_HOLD, Hook.AGENT_HOLD), contact)
        elif Sound.WHISPER in hears:
            moment, kind = _WHISPERS[party]
            hands.whisper(line, hands.hook(moment, kind, contact), contact)
        elif Sound.TRANSFER_FLOW in hears:
            flow, on_hold = self._transfer_flow(), _ON_HOLD[self._run.state]
            hands.play_transfer_flow(line, flow, contact, on_hold)
        elif Sound.QUEUE_FLOW in hears:
            hands.play(line, self._hooked(FlowKind.CUSTOMER_QUEUE, Hook.CUSTOMER_QUEUE), contact)
        else:
            await line.send(self._s.world.switch, self.place_of(party))

    def _hooked(self, kind: FlowKind, hook: Hook) -> PinnedFlow:
        return self._s.world.site.chosen(kind, self._run.contact.hooks.get(hook.value))

    def _transfer_flow(self) -> PinnedFlow:
        queue = self._run.transfer.kind is QuickConnectKind.QUEUE
        kind = FlowKind.QUEUE_TRANSFER if queue else FlowKind.AGENT_TRANSFER
        try:
            name = self._run.quick_connect().flow
        except NotFound:
            name = None
        return self._s.world.site.chosen(kind, name)
