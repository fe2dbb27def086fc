"""A person with a telephone, as the fake switch plays them: what they do, and what they heard.

A phone that is called goes through its script, one entry per call, the last entry for ever::

    switch.phone("alice").answers(after=2).then().rejects()
    switch.customer("+4930111111").rings()

A phone that calls is told what to press, one entry per question it is asked::

    caller = switch.dials("+4930999999", caller="+4930111111")
    caller.will_press("1", "030111111#")
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from ivr.domain.ids import LegId
from ivr.domain.leg import LegOutcome
from ivr.ports.telephony import (
    CallOrder,
    Entry,
    LegEvent,
    LegHeld,
    LegKeyed,
    LegMerged,
    LegReferred,
)

HANGS_UP: Final = "hangs up"
"""In a list of answers: hang up instead of pressing keys."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a called phone does.

    Attributes:
        rings: Whether ringing is signalled.
        outcome: How it ends the ringing by itself; none = it lets it ring.
        after: When, counted from the call.
        leaves_after: When it hangs up, counted from its answer; none = it stays.
    """

    rings: bool = True
    outcome: LegOutcome | None = None
    after: timedelta = timedelta(0)
    leaves_after: timedelta | None = None


class Hand(Protocol):
    """How a phone reaches the switch it is connected to."""

    def picks_up(self, phone: FakePhone) -> None:
        """Answer the ringing leg."""
        ...

    def turns_down(self, phone: FakePhone, outcome: LegOutcome) -> None:
        """End the ringing leg."""
        ...

    def goes(self, phone: FakePhone) -> None:
        """End whatever leg there is."""
        ...

    def loses(self, phone: FakePhone) -> None:
        """End whatever leg there is, as a line that fails."""
        ...

    def says(self, event: LegEvent) -> None:
        """Report what a phone in a call did."""
        ...

    def reachable(self, phone: FakePhone, reachable: bool) -> None:
        """Say whether the phone is there."""
        ...


@dataclass(eq=False)
class FakePhone:
    """One phone: its script, and the record of what happened to it.

    Attributes:
        address: Its SIP account, or its number.
        leg: Its leg now, ringing or up.
        heard: Every sound that began to play to it, in order; music and tones by name.
        pressed: Every entry it was asked for, as the controller was told it.
        calls: Every call that reached it, in order: caller ID, contact id and all.
        refused: Whether its own call was refused as unknown.
        entries: How it was handed to the controller, each time.
    """

    address: str
    hand: Hand = field(repr=False)
    is_reachable: bool = True
    leg: LegId | None = None
    heard: list[str] = field(default_factory=list)
    pressed: list[str] = field(default_factory=list)
    calls: list[CallOrder] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    refused: bool = False
    answers_to_come: deque[str] = field(default_factory=deque, repr=False)
    _script: deque[Behaviour] = field(default_factory=lambda: deque([Behaviour()]), repr=False)
    _chained: bool = field(default=False, repr=False)

    # --- what it does when it is called -------------------------------------------------------
    def answers(self, *, after: float = 0, leaves_after: float | None = None) -> FakePhone:
        """Ring, and answer after so many seconds; hang up so many seconds after that."""
        return self._does(
            Behaviour(
                outcome=LegOutcome.ANSWERED,
                after=timedelta(seconds=after),
                leaves_after=None if leaves_after is None else timedelta(seconds=leaves_after),
            )
        )

    def rings(self) -> FakePhone:
        """Ring until the caller gives up, or until ``answer`` or ``reject`` is called."""
        return self._does(Behaviour())

    def rejects(self, *, after: float = 0) -> FakePhone:
        """Ring, and be turned down after so many seconds (603)."""
        return self.fails(LegOutcome.REJECTED, after=after)

    def is_busy(self) -> FakePhone:
        """Be busy at once (486)."""
        return self.fails(LegOutcome.BUSY, rings=False)

    def does_not_exist(self) -> FakePhone:
        """Be no number at all (404)."""
        return self.fails(LegOutcome.INVALID_NUMBER, rings=False)

    def is_out_of_order(self, *, after: float = 0) -> FakePhone:
        """Let the network fail before anything rings (503)."""
        return self.fails(LegOutcome.NETWORK_FAILURE, after=after, rings=False)

    def is_silent(self) -> FakePhone:
        """Never reply: the call ends by the order's ring time, without having rung."""
        return self._does(Behaviour(rings=False))

    def fails(self, outcome: LegOutcome, *, after: float = 0, rings: bool = True) -> FakePhone:
        """End the call with any outcome."""
        return self._does(Behaviour(rings=rings, outcome=outcome, after=timedelta(seconds=after)))

    def then(self) -> FakePhone:
        """Make what follows the script of the next call."""
        self._chained = True
        return self

    # --- what it does now ---------------------------------------------------------------------
    def answer(self) -> None:
        """Pick the ringing phone up."""
        self.hand.picks_up(self)

    def reject(self, outcome: LegOutcome = LegOutcome.REJECTED) -> None:
        """Turn the ringing call down."""
        self.hand.turns_down(self, outcome)

    def hang_up(self) -> None:
        """Hang up, whatever it is doing."""
        self.hand.goes(self)

    def unplug(self) -> None:
        """Disappear from the network."""
        self.hand.reachable(self, False)

    def dies(self) -> None:
        """Lose its line and disappear from the network, without a word."""
        self.hand.loses(self)
        self.unplug()

    def keys(self, code: str) -> None:
        """Key a feature code in a call."""
        self.hand.says(LegKeyed(self._live_leg(), code))

    def holds(self) -> None:
        """Press its own hold key."""
        self.hand.says(LegHeld(self._live_leg(), held=True))

    def resumes(self) -> None:
        """Press its own hold key again."""
        self.hand.says(LegHeld(self._live_leg(), held=False))

    def refers(self, extension: str) -> None:
        """Transfer its call to an extension (blind)."""
        self.hand.says(LegReferred(self._live_leg(), extension))

    def merges_with(self, other: FakePhone) -> None:
        """Connect the far ends of this call and of another line of the same phone (attended)."""
        self.hand.says(LegMerged(self._live_leg(), other._live_leg()))

    def _live_leg(self) -> LegId:
        if self.leg is None:
            message = f"{self.address} has no call"
            raise LookupError(message)
        return self.leg

    def plug_in(self) -> None:
        """Come back to the network."""
        self.hand.reachable(self, True)

    def will_press(self, *answers: str) -> FakePhone:
        """Press these keys, one entry per question; empty = nothing; ``HANGS_UP`` = hang up."""
        self.answers_to_come.extend(answers)
        return self

    # --- for the switch -----------------------------------------------------------------------
    def next_behaviour(self) -> Behaviour:
        """What it does with the call that comes now."""
        return self._script.popleft() if len(self._script) > 1 else self._script[0]

    def when_asked(self) -> str:
        """What it presses at the question that is asked now."""
        return self.answers_to_come.popleft() if self.answers_to_come else ""

    def _does(self, behaviour: Behaviour) -> FakePhone:
        if not self._chained:
            self._script.clear()
        self._chained = False
        self._script.append(behaviour)
        return self
