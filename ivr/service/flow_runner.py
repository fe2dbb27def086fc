"""A flow against a live participant: performs what the interpreter asks for.

The resume point is committed before each effect that anybody could notice, so that a flow whose
controller died goes on at the action it was in.

It is one module because it is one exhaustive ``match``: one short method per effect of a flow.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any

from ivr.domain.contact import Contact
from ivr.domain.errors import DomainError, LegGone, SpeechError, StoreError
from ivr.domain.phone_number import parse_international, parse_local
from ivr.domain.site import Queue, Site
from ivr.flow.context import AgentView, Endpoint, FlowContext, QueueView
from ivr.flow.effects import (
    AgentRef,
    CollectDigits,
    CreateCallback,
    Digits,
    EnterQueue,
    FindFlow,
    HoldPrevious,
    Interrupted,
    IsOpen,
    Metric,
    Moved,
    NumberAnswer,
    NumberFormat,
    ParseNumber,
    Play,
    PlayLoop,
    PreviousOnHold,
    QueueEntry,
    QueueRef,
    ReadContext,
    ReadMetric,
    SetAttributes,
    SetCallbackNumber,
    SetHook,
    SetTargetQueue,
    Warned,
    WorldEffect,
)
from ivr.flow.interpreter import Request, run
from ivr.flow.memory import ResumePoint
from ivr.flow.outcome import Ending, RunEnd
from ivr.flow.prompt import Prompt, Recorded, Ssml, Text
from ivr.flow.step import PinnedFlow
from ivr.ports.speech import MUSIC_PROMPTS, PlainText, Voice
from ivr.ports.speech import Ssml as SpokenSsml
from ivr.ports.store import Enqueued, Note
from ivr.ports.telephony import Participant
from ivr.service.callback_requests import request_callback
from ivr.service.keypad import collect
from ivr.service.metrics import read_metric
from ivr.service.world import World

logger = logging.getLogger(__name__)

MUSIC_SLICE = timedelta(seconds=30)
"""How long music plays as one message of a loop."""

_SILENT = (ReadContext, IsOpen, ReadMetric, FindFlow, ParseNumber, Moved, Warned)
"""Effects that change nothing and are heard by nobody: no commit before them."""
_SETTING = (SetCallbackNumber, SetTargetQueue, SetHook, SetAttributes)
"""Effects on the contact's own fields: committed with the next effect that anybody notices."""
_COMMITTING = (EnterQueue,)
"""Effects that are commits themselves; done twice they change nothing more."""


class FlowEnd(Enum):
    """How a flow on a live participant ended."""

    OVER = "over"  # nothing follows; a whisper is done
    DISCONNECT = "disconnect"  # the flow hangs its participant up
    QUEUED = "queued"  # the contact is in a queue now
    TO_AGENT = "to_agent"  # the quick connect's agent is to be called
    TO_SOURCE = "to_source"  # it goes on with the quick connect's source alone
    TO_CUSTOMER = "to_customer"  # with its customer alone
    TO_BOTH = "to_both"
    REORDER = "reorder"  # the queue is full and the flow had no branch for it
    GONE = "gone"  # the leg hung up or was moved away
    BROKEN = "broken"  # the flow went round and round


@dataclass(frozen=True, slots=True)
class Played:
    """How a program on a leg ended.

    Attributes:
        notes: For the journal, not committed yet.
    """

    end: FlowEnd
    notes: tuple[Note, ...] = ()


class _Turned(Exception):
    """The flow goes on with somebody else."""

    def __init__(self, to: FlowEnd) -> None:
        self.to = to


_TURNS = {
    PreviousOnHold.CUSTOMER: FlowEnd.TO_SOURCE,
    PreviousOnHold.AGENT: FlowEnd.TO_CUSTOMER,
    PreviousOnHold.NOBODY: FlowEnd.TO_BOTH,
}


class FlowRun:
    """One flow, from a start or a resume point to its end, on one participant.

    Args:
        keep_position: Whether the contact resumes here after a crash; whispers start again.
        on_hold: Who of the previous contact is, while this transfer flow runs; none = it is no
            transfer flow. One that wants it otherwise ends, to be resumed where it stands.
    """

    def __init__(
        self,
        world: World,
        contact: Contact,
        participant: Participant,
        *,
        keep_position: bool,
        on_hold: PreviousOnHold | None = None,
    ) -> None:
        self._world = world
        self._contact_id = contact.id
        self._participant = participant
        self._keep_position = keep_position
        self._on_hold = on_hold
        self._kept: ResumePoint | None = None
        self._at: ResumePoint | None = None
        self._notes: list[Note] = []
        self._known: Contact | None = contact
        self._changes: dict[str, Any] = {}
        self._refused_by_full_queue: str | None = None
        self._answered = not keep_position  # a whisper's participant has answered long ago

    async def play(
        self,
        flow: PinnedFlow,
        *,
        resume: ResumePoint | None = None,
        stored_input: str | None = None,
    ) -> Played:
        """Run the flow; a leg that leaves ends it."""
        program = run(flow, resume=resume, stored_input=stored_input)
        answer: Any = None
        try:
            while True:
                request: Request = program.send(answer)
                await self._keep(request)
                if not isinstance(request.effect, _SILENT):
                    await self._answer()
                answer = await self._perform(request.effect, request.at)
        except StopIteration as stop:
            how = await self._after(stop.value)
        except LegGone:
            how = FlowEnd.GONE
        except _Turned as turned:
            how = turned.to
        finally:
            program.close()
            if self._changes:
                await self._commit({})
        return Played(how, tuple(self._notes))

    async def _answer(self) -> None:
        """Answer the call, as late as possible: keys are lost between an answer and a prompt."""
        if not self._answered:
            self._answered = True
            await self._participant.answer()

    async def _after(self, end: RunEnd) -> FlowEnd:
        try:
            await self._answer()
        except LegGone:
            return FlowEnd.GONE
        return self._how(end)

    def _how(self, end: RunEnd) -> FlowEnd:
        match end.how:
            case Ending.DISCONNECTED:
                return FlowEnd.DISCONNECT
            case Ending.QUEUED:
                return FlowEnd.QUEUED
            case Ending.TO_AGENT:
                return FlowEnd.TO_AGENT
            case Ending.FAULTED:
                return FlowEnd.BROKEN
            case Ending.ENDED:
                if end.action_id == self._refused_by_full_queue:
                    return FlowEnd.REORDER
                return FlowEnd.OVER

    async def _keep(self, request: Request) -> None:
        if isinstance(request.effect, _SILENT) or request.at == self._kept:
            return
        self._at = request.at
        if not isinstance(request.effect, (*_COMMITTING, *_SETTING)):
            position = {"position": request.at.as_json()} if self._keep_position else {}
            if await self._commit(position):
                self._kept = request.at
        self._world.failpoint(f"flow_{type(request.effect).__name__}")

    async def _commit(self, position: Mapping[str, Any]) -> bool:
        """Commit what the flow has set, and where it is; whether that is done.

        With a database that fails the flow goes on: what it has set stays to be committed, and a
        crash would resume it at an older place.
        """
        if not (position or self._changes or self._notes):
            return True
        try:
            await self._world.store.change_contact(
                self._contact_id,
                {**self._changes, **position},
                *self._notes,
                now=self._world.clock.now(),
            )
        except StoreError as error:
            logger.warning(
                "A flow's position could not be kept",
                extra={"event": "position_not_kept", "cause": error.code},
            )
            return False
        self._changes, self._notes = {}, []
        return True

    async def _contact(self) -> Contact:
        """The contact; nobody but its own flow changes what a flow can see of it."""
        if self._known is None:
            contact = await self._world.store.contact(self._contact_id)
            if contact is None:
                message = "the contact of a running flow is not in the database"
                raise StoreError(message)
            self._known = replace(contact, **self._changes)
        return self._known

    async def _change(self, **changes: Any) -> None:
        """Set fields of the contact, to be committed with the next effect that is noticed."""
        self._known = replace(await self._contact(), **changes)
        self._changes |= changes

    async def _perform(self, effect: WorldEffect, at: ResumePoint) -> Any:
        match effect:
            case Play(prompt):
                return await self._play(prompt)
            case CollectDigits():
                return await self._collect(effect)
            case PlayLoop():
                return await self._play_loop(effect)
            case SetCallbackNumber(number):
                return await self._set_callback_number(number)
            case ParseNumber(digits, number_format, country):
                site = self._world.site.now
                parse = parse_local if number_format is NumberFormat.LOCAL else parse_international
                return parse(digits, country or site.country, known=site.account_numbers)
            case SetTargetQueue(target):
                return await self._set_target_queue(target)
            case CreateCallback():
                return await self._create_callback(effect)
            case EnterQueue():
                return await self._enter_queue(at)
            case SetHook(hook, flow):
                return await self._set_hook(hook.value, flow)
            case SetAttributes(attributes, on_related):
                return await self._set_attributes(attributes, on_related=on_related)
            case ReadContext():
                return context_of(await self._contact(), self._world.site.now)
            case IsOpen(hours):
                return await self._is_open(hours)
            case HoldPrevious(who):
                return self._hold_previous(who, at)
            case ReadMetric(metric, target):
                return await self._metric(metric, target)
            case FindFlow(ref):
                return self._world.site.find(ref)
            case Moved(action_id, action_type, branch, target):
                detail = {"action": action_id, "type": action_type, "to": target, "branch": branch}
                self._notes.append(Note("flow_moved", detail))
                return None
            case Warned(action_id, message):
                self._notes.append(Note("flow_warned", {"action": action_id, "message": message}))
                return None

    # --- what is heard and keyed ----------------------------------------------------------------

    async def _sound(self, prompt: Prompt) -> str | None:
        """The sound of a prompt; a music id stands for itself; none if it cannot be played."""
        match prompt:
            case Recorded(name) if name in MUSIC_PROMPTS:
                return name
            case Recorded(name):
                sound = self._world.speech.recorded(name)
                if sound is None:
                    self._notes.append(Note("prompt_missing", {"prompt": name}))
                return sound
            case Text(words):
                spoken: PlainText | SpokenSsml = PlainText(words)
            case Ssml(markup):
                spoken = SpokenSsml(markup)
        contact = await self._contact()
        voice = self._world.speech.voice_named(contact.voice) if contact.voice else None
        try:
            return await self._world.speech.sound_for(
                spoken, voice or Voice(language=contact.language)
            )
        except SpeechError as error:
            self._notes.append(Note("speech_failed", {"reason": error.code}))
            return None

    async def _play(self, prompt: Prompt) -> bool:
        sound = await self._sound(prompt)
        if sound is None:
            return False
        await self._play_sound(sound, MUSIC_SLICE)
        return True

    async def _play_sound(self, sound: str, most: timedelta) -> None:
        if sound in MUSIC_PROMPTS:
            await self._participant.music(min(MUSIC_SLICE, most))
        else:
            await self._participant.play((sound,))

    async def _collect(self, effect: CollectDigits) -> Digits | None:
        sounds: tuple[str, ...] = ()
        if effect.prompt is not None:
            sound = await self._sound(effect.prompt)
            if sound is None:
                return None
            sounds = (sound,)
        return await collect(self._participant, effect, sounds)

    async def _play_loop(self, effect: PlayLoop) -> Interrupted | None:
        sounds = [await self._sound(message) for message in effect.messages]
        if not any(sounds):
            return None
        clock = self._world.clock
        until = clock.now() + effect.interrupt_after if effect.interrupt_after else None
        index = effect.start_at % len(sounds)
        while True:
            left = MUSIC_SLICE if until is None else until - clock.now()
            if left <= timedelta(0):
                return Interrupted(playing=index)
            if sound := sounds[index]:
                await self._play_sound(sound, left)
            if until is None or clock.now() < until:
                index = (index + 1) % len(sounds)

    # --- the contact ----------------------------------------------------------------------------

    async def _set_callback_number(self, number: str) -> NumberAnswer:
        site = self._world.site.now
        parsed = parse_international(number, site.country, known=site.account_numbers)
        if parsed is None:
            return NumberAnswer.NOT_A_NUMBER
        if site.policy.check(parsed) is not None:
            return NumberAnswer.NOT_DIALABLE
        await self._change(callback_number=parsed)
        return NumberAnswer.ACCEPTED

    async def _set_target_queue(self, target: QueueRef | AgentRef) -> bool:
        if isinstance(target, AgentRef):
            return False
        queue = self._world.site.now.find_queue(target.ref)
        if queue is None:
            return False
        await self._change(target_queue_id=queue.id)
        return True

    async def _create_callback(self, effect: CreateCallback) -> bool:
        contact, self._known = await self._contact(), None
        try:
            answer = await request_callback(self._world, contact, effect)
        except (DomainError, StoreError) as error:
            self._notes.append(Note("callback_not_created", {"reason": error.code}))
            return False
        self._notes.append(answer.note)
        return answer.granted

    async def _enter_queue(self, at: ResumePoint) -> QueueEntry:
        world = self._world
        contact, self._known = await self._contact(), None
        if contact.target_queue_id is None:
            return QueueEntry.REFUSED
        queue = world.site.now.queue(contact.target_queue_id)
        limit = queue.max_contacts if queue.enabled else 0
        entered = await world.store.enqueue_call(
            contact.id, queue.id, max_contacts=limit, now=world.clock.now()
        )
        match entered:
            case Enqueued.ENTERED:
                world.router.ring()
                return QueueEntry.ENTERED
            case Enqueued.FULL:
                self._refused_by_full_queue = at.action_id
                return QueueEntry.FULL
            case Enqueued.MOVED_ON:
                return QueueEntry.REFUSED

    async def _set_attributes(self, attributes: Mapping[str, str], *, on_related: bool) -> bool:
        contact = await self._contact()
        if not on_related:
            await self._change(attributes={**contact.attributes, **attributes})
            return True
        store = self._world.store
        related = await store.contact(contact.previous_id) if contact.previous_id else None
        if related is None:
            return False
        await store.change_contact(
            related.id,
            {"attributes": {**related.attributes, **attributes}},
            now=self._world.clock.now(),
        )
        return True

    async def _set_hook(self, hook: str, flow: str | None) -> bool:
        if flow is not None and self._world.site.now.find_flow(flow) is None:
            return False
        contact = await self._contact()
        await self._change(hooks={**contact.hooks, hook: flow or ""})
        return True

    def _hold_previous(self, who: PreviousOnHold, at: ResumePoint) -> bool:
        if self._on_hold not in (None, who):
            if self._kept != at:
                raise StoreError("a flow cannot turn from where it is not known to be")
            raise _Turned(_TURNS[who])
        return self._on_hold is who

    async def _is_open(self, hours: str | None) -> bool | None:
        site = self._world.site.now
        if hours is not None:
            found = site.find_hours(hours)
            return None if found is None else found.hours.is_open(self._world.clock.now())
        contact = await self._contact()
        if contact.target_queue_id is None:
            return None
        queue = site.queue(contact.target_queue_id)
        found = site.find_hours(queue.hours) if queue.hours else None
        return True if found is None else found.hours.is_open(self._world.clock.now())

    async def _metric(self, metric: Metric, target: QueueRef | AgentRef | None) -> int | None:
        if target is None:
            contact = await self._contact()
            target = QueueRef(contact.target_queue_id) if contact.target_queue_id else None
        return None if target is None else await read_metric(self._world, metric, target)


def context_of(contact: Contact, site: Site) -> FlowContext:
    """What a flow of this contact may read now."""
    queue_id = contact.queue_id or contact.target_queue_id
    queue = site.queue(queue_id) if queue_id else None
    agent = site.agent(contact.agent_id) if contact.agent_id else None
    return FlowContext(
        contact_id=contact.id,
        initial_contact_id=contact.initial_id,
        previous_contact_id=contact.previous_id,
        initiation_method=contact.initiation.value,
        customer_endpoint=_endpoint(contact.customer_number),
        system_endpoint=_endpoint(contact.system_number),
        language_code=contact.language,
        voice_id=contact.voice,
        queue=_queue_view(queue) if queue else None,
        agent=AgentView(user_name=agent.name, arn=agent.id) if agent else None,
        attributes=contact.attributes,
    )


def _endpoint(number: str | None) -> Endpoint | None:
    return Endpoint(number) if number else None


def _queue_view(queue: Queue) -> QueueView:
    return QueueView(name=queue.name, arn=queue.id, outbound_caller_id=_endpoint(queue.caller_id))
