"""Runs a flow without a switch: what a caller would hear, and which way it went.

A script says what the caller keys, one item for each time the flow collects keys; ``TryWorld``
says how the world answers. ``ivr flow try`` prints the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ivr.domain.phone_number import parse_international, parse_local
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
    Moved,
    NumberAnswer,
    NumberFormat,
    ParseNumber,
    Play,
    PlayLoop,
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
from ivr.flow.interpreter import run
from ivr.flow.kinds import FlowKind
from ivr.flow.outcome import RunEnd
from ivr.flow.prompt import Prompt, Recorded
from ivr.flow.step import FlowDocument, PinnedFlow

KEYS = frozenset("0123456789*#")

MOST_UNANSWERED = 20
"""Entries left unanswered after the script's last item before the caller is taken to be gone."""


_BEFORE_QUEUE = frozenset({None, FlowKind.CONTACT_FLOW, FlowKind.MODULE, FlowKind.CAMPAIGN})
_BEFORE_AGENT = _BEFORE_QUEUE | {FlowKind.CUSTOMER_QUEUE}


class What(Enum):
    """What a line of the transcript tells."""

    HEARS = "hears"
    KEYS = "keys"
    DOES = "does"
    GOES = "goes"
    WARNS = "warns"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a transcript.

    Attributes:
        action_id: The action it belongs to.
    """

    action_id: str
    what: What
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What happened, in order.

    Attributes:
        end: How the flow ended; none if the caller was left waiting or gave up.
    """

    lines: tuple[Line, ...]
    end: RunEnd | None

    def heard(self) -> tuple[str, ...]:
        """Answer what the caller heard."""
        return tuple(line.text for line in self.lines if line.what is What.HEARS)

    def way(self) -> tuple[str, ...]:
        """Answer the actions that were left, in order."""
        return tuple(line.action_id for line in self.lines if line.what is What.GOES)


@dataclass(frozen=True, slots=True, kw_only=True)
class TryWorld:
    """How the world answers.

    Attributes:
        is_open: None = there are no such hours.
        metric: What every metric is; none = there is no such queue or agent.
        country: Whose national numbers are keyed where the flow does not say.
        flows: Flows that can be transferred to, by the name the flow uses.
        interruptions: How often a loop of messages is interrupted before the caller is left
            waiting.
    """

    customer_number: str | None = "+12025550123"
    system_number: str = "+12025550100"
    queue_exists: bool = True
    queue_entry: QueueEntry = QueueEntry.ENTERED
    callback_created: bool = True
    number_answer: NumberAnswer = NumberAnswer.ACCEPTED
    hook_flow_exists: bool = True
    previous_can_be_held: bool = True
    is_open: bool | None = True
    metric: int | None = 1
    prompts_play: bool = True
    country: str = "US"
    attributes: Mapping[str, str] = field(default_factory=dict)
    flows: Mapping[str, PinnedFlow] = field(default_factory=dict)
    interruptions: int = 1


def parse_keys(text: str) -> tuple[str, ...]:
    """Read a script such as ``1,5551234#``: one item per entry, an empty one is no key at all.

    Raises:
        ValueError: There is something else than digits, ``*`` and ``#`` in it.
    """
    if not text:
        return ()
    items = tuple(item.strip() for item in text.split(","))
    if strange := sorted(set("".join(items)) - KEYS):
        message = f"{' '.join(strange)}: not on a telephone's keypad"
        raise ValueError(message)
    return items


def press(effect: CollectDigits, keys: str) -> Digits:
    """Answer what an entry makes of keys pressed in time, as a participant's side does.

    After the last key nothing more comes. Keys beyond the end of the entry are lost.
    """
    stands = ""
    for key in keys:
        if key == effect.cancel_key:
            stands = ""
            continue
        stands += key
        if effect.terminator and stands.endswith(effect.terminator):
            return Digits(stands.removesuffix(effect.terminator))
        if len(stands) >= effect.max_digits:
            return Digits(stands)
    return Digits(stands, timed_out=not stands)


def run_script(
    document: FlowDocument, keys: Sequence[str] = (), *, world: TryWorld | None = None
) -> Transcript:
    """Run a flow with a caller who follows a script.

    Args:
        document: The flow.
        keys: One item for each entry, in order; after the last one nothing is keyed.
        world: How the world answers.
    """
    performer = _Performer(world or TryWorld(), keys, document.kind)
    program = run(PinnedFlow("this flow", 1, document))
    answer: Any = None
    try:
        while True:
            request = program.send(answer)
            answer = performer.perform(request.effect, request.at.action_id)
    except StopIteration as stop:
        end: RunEnd = stop.value
        performer.tell(end.action_id, What.ENDS, end.how.value)
        return Transcript(tuple(performer.lines), end)
    except _CallerIsGone:
        program.close()
        return Transcript(tuple(performer.lines), None)


class _CallerIsGone(Exception):
    """The script is over: nothing more will be learnt from this flow."""


class _Performer:
    """Answers effects as the world of the script does, and writes the transcript."""

    def __init__(self, world: TryWorld, keys: Sequence[str], kind: FlowKind | None) -> None:
        self.lines: list[Line] = []
        self._world = world
        self._keys = list(keys)
        self._unanswered = 0
        self._interruptions = world.interruptions
        self._context = FlowContext(
            contact_id="contact",
            initial_contact_id="contact",
            customer_endpoint=_endpoint(world.customer_number),
            system_endpoint=_endpoint(world.system_number),
            language_code="en-US",
            queue=None if kind in _BEFORE_QUEUE else QueueView(name="the queue", arn="queue"),
            agent=None if kind in _BEFORE_AGENT else AgentView(user_name="agent", arn="agent"),
            attributes=world.attributes,
        )

    def tell(self, action_id: str, what: What, text: str) -> None:
        """Write a line."""
        self.lines.append(Line(action_id, what, text))

    def perform(self, effect: WorldEffect, action_id: str) -> object:
        """Answer an effect."""
        world = self._world
        match effect:
            case Play(prompt):
                self._hear(action_id, prompt)
                return world.prompts_play
            case CollectDigits():
                return self._collect(effect, action_id)
            case PlayLoop():
                return self._play_loop(effect, action_id)
            case ParseNumber(digits, number_format, country):
                parse = parse_local if number_format is NumberFormat.LOCAL else parse_international
                return parse(digits, country or world.country)
            case SetCallbackNumber(number):
                self._do(action_id, f"callback number {number}: {world.number_answer.value}")
                return world.number_answer
            case SetTargetQueue(target):
                self._set_queue(target, action_id)
                return world.queue_exists
            case CreateCallback():
                self._create_callback(effect, action_id)
                return world.callback_created
            case EnterQueue():
                self._do(action_id, f"enters its queue: {world.queue_entry.value}")
                return world.queue_entry
            case SetHook(hook, flow):
                self._do(action_id, f"{hook.value} runs {flow or 'nothing'}")
                return world.hook_flow_exists
            case SetAttributes(attributes):
                self._context = replace(
                    self._context, attributes={**self._context.attributes, **attributes}
                )
                for name, value in attributes.items():
                    self._do(action_id, f"{name} = {value}")
                return True
            case HoldPrevious(who):
                how = "" if world.previous_can_be_held else ", refused"
                self._do(action_id, f"previous contact {who.value}{how}")
                return world.previous_can_be_held
            case ReadContext():
                return self._context
            case IsOpen():
                return world.is_open
            case ReadMetric(metric):
                self._do(action_id, f"{metric.value} is {world.metric}")
                return world.metric
            case FindFlow(ref):
                return world.flows.get(ref)
            case Moved(_, _, branch, target):
                self.tell(action_id, What.GOES, f"{branch} -> {target or 'end'}")
                return None
            case Warned(_, message):
                self.tell(action_id, What.WARNS, message)
                return None

    def _do(self, action_id: str, text: str) -> None:
        self.tell(action_id, What.DOES, text)

    def _hear(self, action_id: str, prompt: Prompt) -> None:
        words = f"[{prompt.words}]" if isinstance(prompt, Recorded) else prompt.words
        self.tell(action_id, What.HEARS, words)

    def _collect(self, effect: CollectDigits, action_id: str) -> Digits | None:
        if effect.prompt is not None:
            self._hear(action_id, effect.prompt)
            if not self._world.prompts_play:
                return None
        if self._keys:
            keys = self._keys.pop(0)
        else:
            keys = ""
            self._unanswered += 1
            if self._unanswered > MOST_UNANSWERED:
                self.tell(action_id, What.ENDS, "the flow keeps asking; nobody answers any more")
                raise _CallerIsGone
        self.tell(action_id, What.KEYS, keys or "nothing")
        return press(effect, keys)

    def _play_loop(self, effect: PlayLoop, action_id: str) -> Interrupted | None:
        for message in effect.messages[effect.start_at :]:
            self._hear(action_id, message)
        if not self._world.prompts_play:
            return None
        if effect.interrupt_after is None or self._interruptions == 0:
            self.tell(action_id, What.ENDS, "the messages go on until somebody takes the contact")
            raise _CallerIsGone
        self._interruptions -= 1
        return Interrupted(playing=len(effect.messages) - 1)

    def _set_queue(self, target: QueueRef | AgentRef, action_id: str) -> None:
        found = "" if self._world.queue_exists else ", which does not exist"
        self._do(action_id, f"working queue {target.ref}{found}")
        if self._world.queue_exists:
            queue = QueueView(name=target.ref, arn=target.ref)
            self._context = replace(self._context, queue=queue)

    def _create_callback(self, effect: CreateCallback, action_id: str) -> None:
        queue = effect.target.ref if effect.target else "the working queue"
        how = "created" if self._world.callback_created else "refused"
        self._do(action_id, f"callback in {queue}: {how}")


def _endpoint(number: str | None) -> Endpoint | None:
    return Endpoint(number) if number else None
