"""A customer and two agents in a quick connect, and what each hears when a verb moves somebody.

Every party speaks a tone of its own. Who stays and who is moved follows from what the machine of
``ivr/domain/quick_connect.py`` promises before and after a verb.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic, time
from typing import Any, Final

from ivr.domain.quick_connect import Hears, Party, Sound, TransferState, hearing
from tests.benchmarks.figures import Lateness, spread, told
from tests.benchmarks.tones import longest_gap_ms, mostly
from tests.hearing.tones import AGENT, CUSTOMER, MUSIC, PROMPT, SECOND_AGENT
from tests.house import House
from tests.phones import Answer, Phone
from tests.phones.call import PhoneCall
from tests.phones.sound import Recording
from tests.scenes import PATIENCE, hears, inbound_of, record, rung, waits
from tests.tone_site import Step, document

TO_AN_AGENT: Final = "To an agent at once"
WAIT_AT_ONCE: Final = "Wait at once"
SETTLED: Final = 0.8
"""Seconds after a verb in which whoever stays is listened to."""
BEFORE: Final = 0.1
ON_TIME_MS: Final = 20

_HELD: Final = {Party.CUSTOMER: MUSIC, Party.DESTINATION: PROMPT}


def flows() -> Mapping[str, str]:
    """A transfer and a queue without whispers, and music that holds a destination, by file name."""
    transfer: list[Step] = [
        _silent("AgentWhisper", "CustomerWhisper"),
        _silent("CustomerWhisper", "Go"),
        ("Go", "TransferContactToAgent", {}, None, None),
    ]
    waiting: list[Step] = [
        _silent("AgentWhisper", "CustomerWhisper"),
        _silent("CustomerWhisper", "Queue"),
        ("Queue", "UpdateContactTargetQueue", {"QueueId": "Sales"}, "Wait", "Hang up"),
        ("Wait", "TransferContactToQueue", {}, None, None),
        ("Hang up", "DisconnectParticipant", {}, None, None),
    ]
    hold = {
        "Identifier": "Hold",
        "Type": "MessageParticipantIteratively",
        "Parameters": {"Messages": [{"PromptId": "greeting"}]},
        "Transitions": {"NextAction": "Hold", "Errors": [], "Conditions": []},
    }
    holding = {"Version": "2019-10-30", "StartAction": "Hold", "Metadata": {}, "Actions": [hold]}
    return {
        "to-an-agent-at-once.json": document(transfer),
        "wait-at-once.json": document(waiting),
        "default-agent-hold.json": json.dumps(holding),
    }


def _silent(whisper: str, following: str) -> Step:
    hooks = {"EventHooksConfiguration": {whisper: {"DisableExecution": "true"}}}
    return (whisper, "UpdateContactEventHooks", hooks, following, following)


@dataclass(frozen=True, slots=True)
class Change:
    """One verb that was obeyed; times are ``time.monotonic``.

    Attributes:
        contact: Of the source.
        asked: When the request was sent.
        answered: When the response was there.
        tones: What each party speaks.
        heard: What each party has heard.
    """

    contact: str
    verb: str
    before: TransferState
    after: TransferState
    asked: float
    answered: float
    tones: Mapping[Party, str]
    heard: Mapping[Party, Recording]

    @property
    def name(self) -> str:
        """Where it led: the same verb moves others in another step."""
        return f"{self.verb} ({self.before.value} to {self.after.value})"

    @property
    def span(self) -> tuple[float, float]:
        """From when to when whoever stays is listened to."""
        return self.asked - BEFORE, self.asked + SETTLED

    def gaps(self) -> Mapping[Party, float]:
        """Milliseconds without a voice, for each party who hears somebody before and after.

        Whoever hears the same party throughout misses that one; who is turned from one party to
        another misses both.
        """
        found = {}
        for party, before, after in self._parties():
            voices_before, voices_after = _voices(before), _voices(after)
            if voices_before and voices_after:
                staying = voices_before & voices_after or voices_before | voices_after
                pcm = self.heard[party].between(*self.span)
                found[party] = longest_gap_ms(pcm, {self.tones[each] for each in staying})
        return found

    def waits(self) -> list[float]:
        """Milliseconds between two packets, the longest for each of the parties of :meth:`gaps`."""
        return [1000 * self.heard[party].longest_wait(*self.span) for party in self.gaps()]

    def arrivals(self) -> Mapping[Party, float | None]:
        """When each party who was moved to talk or to hold first heard the new thing."""
        return {
            party: self.heard[party].arrival_of(mostly(self._sounds(party, after)), self.asked)
            for party, before, after in self._parties()
            if after and bool(_voices(before)) != bool(_voices(after))
        }

    def _parties(self) -> list[tuple[Party, Hears, Hears]]:
        before, after = hearing(self.before), hearing(self.after)
        return [(party, before[party], after[party]) for party in Party]

    def _sounds(self, party: Party, after: Hears) -> set[str]:
        if Sound.HOLD in after:
            return {_HELD[party]}
        return {self.tones[each] for each in _voices(after)}


def _voices(heard: Hears) -> frozenset[Party]:
    return frozenset(each for each in heard if isinstance(each, Party))


@dataclass
class Consultation:
    """Source and destination consult; the customer is on hold."""

    house: House
    contact: str
    calls: dict[Party, PhoneCall]
    tones: dict[Party, str]
    state: TransferState = TransferState.CONSULTING
    refused: int = 0
    changes: list[Change] = field(default_factory=list)

    async def use(self, verb: str) -> None:
        """Ask for a verb and note what comes of it."""
        before, asked = self.state, monotonic()
        try:
            seen = await self.house.post(f"/contacts/{self.contact}/transfer/{verb}")
        except AssertionError as error:
            print(f"refused: {error}")
            self.refused += 1
            return
        answered = monotonic()
        self.state = TransferState(seen["step"])
        heard = {party: call.heard for party, call in self.calls.items()}
        tones = dict(self.tones)
        self.changes.append(
            Change(self.contact, verb, before, self.state, asked, answered, tones, heard)
        )

    async def turns_round(self) -> None:
        """After ``leave``: the destination, now the source, consults the agent who has left."""
        source, destination = self.calls[Party.SOURCE], self.calls[Party.DESTINATION]
        await source.ended(within=PATIENCE)
        self.contact = (await record(self.house, self.contact))["NextContactId"]
        self.calls[Party.SOURCE] = destination
        self.tones[Party.SOURCE], self.tones[Party.DESTINATION] = (
            self.tones[Party.DESTINATION],
            self.tones[Party.SOURCE],
        )

    async def begins(self, quick_connect: str, phone: Phone) -> None:
        """The source consults whoever has this phone; returns when they hear each other."""
        body = {"quick_connect": quick_connect, "hold": True}
        await self.house.post(f"/contacts/{self.contact}/transfer", body)
        self.calls[Party.DESTINATION] = await rung(phone)

        async def consulting() -> bool:
            view = await self.house.get(f"/contacts/{self.contact}/transfer")
            return bool(view["step"] == TransferState.CONSULTING.value)

        await self.house.until(consulting, within=PATIENCE, what="source and destination consult")
        self.state = TransferState.CONSULTING
        source, destination = self.calls[Party.SOURCE], self.calls[Party.DESTINATION]
        await hears(self.house, source, self.tones[Party.DESTINATION])
        await hears(self.house, destination, self.tones[Party.SOURCE])
        await hears(self.house, self.calls[Party.CUSTOMER], MUSIC)


async def talk(house: House, number: str, dialled: str, agent: str, phone: Phone) -> Consultation:
    """Have a customer talk with an agent who is the only one available."""
    caller = house.stranger(number)
    customer = await waits(house, caller, dialled)
    phone.will(Answer())
    await house.status(agent)
    source = await rung(phone)
    await hears(house, source, CUSTOMER)
    return Consultation(
        house,
        await inbound_of(house, caller),
        {Party.CUSTOMER: customer, Party.SOURCE: source},
        {Party.CUSTOMER: CUSTOMER, Party.SOURCE: AGENT, Party.DESTINATION: SECOND_AGENT},
    )


def commits(house: House) -> Mapping[str, Sequence[float]]:
    """When the controller logged each move of a contact's quick connect (``time.monotonic``).

    It logs between the commit and the first command to the switch, to the millisecond.
    """
    offset = monotonic() - time()
    found: dict[str, list[float]] = {}
    for line in house.log().splitlines():
        if '"event": "transfer_moved"' in line:
            entry = json.loads(line)
            at = datetime.fromisoformat(entry["time"]).timestamp()
            found.setdefault(entry["contact_id"], []).append(at + offset)
    return found


def judged(house: House, changes: Sequence[Change], late: Lateness) -> dict[str, Any]:
    """What these changes sounded like, in milliseconds, and by verb; each party is one value."""
    committed = commits(house)
    gaps: dict[str, list[float]] = {}
    turns: dict[str, list[float]] = {}
    talks: dict[str, list[float]] = {}
    holds: dict[str, list[float]] = {}
    since_commit: dict[str, list[float]] = {"talk": [], "hold": []}
    on_time: list[float] = []
    to_commit, to_answer = [], []
    unheard = 0
    for change in changes:
        same = hearing(change.before), hearing(change.after)
        for party, gap in change.gaps().items():
            stays = _voices(same[0][party]) & _voices(same[1][party])
            (gaps if stays else turns).setdefault(change.name, []).append(gap)
            if stays and late.worst(*change.span) < ON_TIME_MS:
                on_time.append(gap)
        commit = next(
            (at for at in committed.get(change.contact, ()) if at > change.asked - 0.002), None
        )
        to_answer.append(1000 * (change.answered - change.asked))
        if commit is not None:
            to_commit.append(1000 * (commit - change.asked))
        for party, arrival in change.arrivals().items():
            if arrival is None or commit is None:
                unheard += 1
                continue
            held = Sound.HOLD in same[1][party]
            (holds if held else talks).setdefault(change.name, []).append(
                1000 * (arrival - change.asked)
            )
            since_commit["hold" if held else "talk"].append(1000 * (arrival - commit))
    return {
        "changes": len(changes),
        "gap_ms": _all(gaps),
        "gap_ms_with_phones_on_time": spread(on_time),
        "turn_ms": _all(turns),
        "late_ms": spread(late.ms),
        "packets_apart_ms": spread([ms for change in changes for ms in change.waits()]),
        "request_to_talk_ms": _all(talks),
        "request_to_hold_ms": _all(holds),
        "commit_to_talk_ms": spread(since_commit["talk"]),
        "commit_to_hold_ms": spread(since_commit["hold"]),
        "request_to_commit_ms": spread(to_commit),
        "request_to_answer_ms": spread(to_answer),
        "never_heard": unheard,
    }


def _all(by_verb: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    every = [value for values in by_verb.values() for value in values]
    return {**spread(every), "by_verb": {verb: spread(each) for verb, each in by_verb.items()}}


SAID: Final = {
    "gap_ms": "gap of who hears the same party throughout",
    "gap_ms_with_phones_on_time": f"the same while our phones were late by < {ON_TIME_MS} ms",
    "turn_ms": "silence of who is turned from one party to another",
    "packets_apart_ms": "longest time between two packets to them, which are 20 ms of sound each",
    "request_to_talk_ms": "request sent to a moved party hears the others",
    "request_to_hold_ms": "request sent to a moved party hears music or its hold flow",
    "commit_to_talk_ms": "commit (before the first AMI send) to the others heard",
    "commit_to_hold_ms": "commit (before the first AMI send) to music or hold flow heard",
    "request_to_commit_ms": "request sent to commit: HTTP, session, database",
    "request_to_answer_ms": "request sent to HTTP response",
    "late_ms": "how late our phones were",
}
"""What each figure is."""


def say(name: str, figures: Mapping[str, Any]) -> None:
    """Print what :func:`judged` found."""
    print(f"{name:8} {figures['changes']} changes, {figures['never_heard']} never heard")
    for key, words in SAID.items():
        print(f"{name:8} {words}: {told(figures[key])}")
        for verb, values in figures[key].get("by_verb", {}).items():
            print(f"{name:8}   {verb}: {told(values)}")
