"""Runs a flow: action after action, effects out, answers in.

``run`` is a generator. Each ``Request`` it yields carries an effect and the point the run can be
resumed at; the driver commits the point, performs the effect and sends the answer. Closing the
generator cancels the run. It returns how the run ended.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from pydantic import ValidationError

from ivr.flow.actions import ACTIONS
from ivr.flow.context import FlowContext
from ivr.flow.effects import (
    CollectDigits,
    Effect,
    Moved,
    Play,
    PlayLoop,
    ReadContext,
    Warned,
    WorldEffect,
)
from ivr.flow.errors import WrongResumePoint
from ivr.flow.memory import (
    Interruption,
    KeepInput,
    KeepTurns,
    Look,
    Memory,
    MemoryEffect,
    ResumePoint,
    TakeInterruption,
    TurnsTaken,
)
from ivr.flow.outcome import (
    Done,
    Ended,
    Ending,
    Failed,
    Outcome,
    Result,
    RunEnd,
    Transferred,
    Unavailable,
)
from ivr.flow.parameters import Parameters, Resolver
from ivr.flow.reference import Reference
from ivr.flow.registry import ActionRegistry, Program
from ivr.flow.step import Branch, PinnedFlow, Step

MOST_IDLE_ACTIONS: Final = 1000
"""Actions in a row without a key awaited or a message looped: more than that is a circle."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a run wants next.

    Attributes:
        at: Where the run can be resumed; to be committed before the effect is performed.
    """

    effect: WorldEffect
    at: ResumePoint


Run = Generator[Request, Any, RunEnd]


def run(
    flow: PinnedFlow,
    *,
    resume: ResumePoint | None = None,
    stored_input: str | None = None,
    actions: ActionRegistry = ACTIONS,
) -> Run:
    """Run a flow from its start, or from where it was.

    Args:
        flow: The version to run; that of the resume point if there is one.
        resume: The point to go on at.
        stored_input: What an earlier flow of the contact has stored; not used with ``resume``.
        actions: The actions of the language.

    Raises:
        WrongResumePoint: The flow has no such action.
    """
    memory = resume.memory if resume else Memory(stored_input=stored_input)
    action_id = resume.action_id if resume else flow.document.start
    if action_id not in flow.document.steps:
        message = f"flow {flow.id} version {flow.version} has no action {action_id!r}"
        raise WrongResumePoint(message)
    noted: set[tuple[str, Reference]] = set()
    idle = 0
    while True:
        step = flow.document.steps[action_id]
        worker = _Worker(step, ResumePoint(flow.id, flow.version, action_id, memory), noted)
        outcome = yield from worker.work(actions)
        memory = worker.memory
        idle = 0 if worker.engaged else idle + 1
        if idle > MOST_IDLE_ACTIONS:
            yield from worker.warn(f"{MOST_IDLE_ACTIONS} actions in a row without a key or a pause")
            return RunEnd(Ending.FAULTED, action_id, memory.stored_input)
        branch = yield from worker.leave(outcome)
        match outcome:
            case Transferred(flow):
                memory = Memory(stored_input=memory.stored_input)
            case Ended(how) if how is not Ending.ENDED:
                return RunEnd(how, action_id, memory.stored_input)
        if branch.target is None:
            return RunEnd(Ending.ENDED, action_id, memory.stored_input)
        action_id = branch.target


class _Worker:
    """Runs one action: answers its memory effects, passes the others on."""

    def __init__(self, step: Step, at: ResumePoint, noted: set[tuple[str, Reference]]) -> None:
        self.memory = at.memory
        self.engaged = False
        self._step = step
        self._at = at
        self._noted = noted
        self._context: FlowContext | None = None

    def work(self, actions: ActionRegistry) -> Generator[Request, Any, Outcome]:
        """Run the action to its outcome."""
        definition = actions[self._step.type]
        parameters = self._step.parameters
        if self._step.dynamic:
            resolved = yield from self._resolve(definition.model)
            if isinstance(resolved, Failed):
                return resolved
            parameters = resolved
        program = definition.run(parameters)
        if not isinstance(program, Generator):
            return program
        return (yield from self._drive(program))

    def leave(self, outcome: Outcome) -> Generator[Request, Any, Branch]:
        """Choose the way out and tell it.

        Where nothing follows, an interrupted loop of messages goes on.
        """
        branch = yield from self._choose(outcome)
        if branch.target is None and not _final(outcome) and self.memory.interruption is not None:
            branch = Branch(branch.name, self.memory.interruption.action_id)
        yield self._request(Moved(self._step.id, self._step.type, branch.name, branch.target))
        return branch

    def warn(self, message: str) -> Generator[Request, Any, None]:
        """Tell something a flow's author should know."""
        yield self._request(Warned(self._step.id, message))

    def _resolve(self, model: type[Parameters]) -> Generator[Request, Any, Parameters | Failed]:
        context = yield from self._read()
        resolver = Resolver(context.lookup)
        try:
            parameters = model.model_validate(self._step.raw, context=resolver)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(name) for name in first["loc"])
            return Failed(reason=f"{place}: {first['msg'].removeprefix('Value error, ')}")
        for reference in resolver.unresolved:
            if (self._step.id, reference) not in self._noted:
                self._noted.add((self._step.id, reference))
                yield from self.warn(f"{reference} stands for nothing and is left out")
        return parameters

    def _read(self) -> Generator[Request, Any, FlowContext]:
        if self._context is None:
            context: FlowContext = yield self._request(ReadContext())
            self._context = replace(
                context,
                stored_input=self.memory.stored_input,
                flow_attributes=self.memory.flow_attributes,
            )
        return self._context

    def _drive(self, program: Program) -> Generator[Request, Any, Outcome]:
        answer: object = None
        while True:
            try:
                effect = program.send(answer)
            except StopIteration as stop:
                outcome: Outcome = stop.value
                return outcome
            if isinstance(effect, MemoryEffect):
                answer = yield from self._recall(effect)
            else:
                answer = yield self._request(cast(WorldEffect, effect))
                self._notice(effect, answer)

    def _recall(self, effect: MemoryEffect) -> Generator[Request, Any, object]:
        match effect:
            case Look(reference):
                context = yield from self._read()
                return context.lookup(reference.path)
            case KeepInput(text):
                self.memory = replace(self.memory, stored_input=text)
            case TurnsTaken():
                return self.memory.turns.get(self._step.id, 0)
            case KeepTurns(turns):
                self.memory = replace(
                    self.memory, turns={**self.memory.turns, self._step.id: turns}
                )
            case TakeInterruption():
                interruption = self.memory.interruption
                self.memory = replace(self.memory, interruption=None)
                mine = interruption is not None and interruption.action_id == self._step.id
                return interruption if mine else None
            case _:
                interruption = Interruption(self._step.id, effect.playing)
                self.memory = replace(self.memory, interruption=interruption)
        return None

    def _notice(self, effect: Effect[Any], answer: object) -> None:
        """Note that the participant was engaged, and that an interrupted loop was broken."""
        if isinstance(effect, CollectDigits | PlayLoop) and answer is not None:
            self.engaged = True
        interruption = self.memory.interruption
        if isinstance(effect, CollectDigits | Play) and interruption is not None:
            self.memory = replace(self.memory, interruption=replace(interruption, broken=True))

    def _choose(self, outcome: Outcome) -> Generator[Request, Any, Branch]:
        transitions = self._step.transitions
        match outcome:
            case Done():
                return transitions.on_success()
            case Result(value, next_action_follows):
                return transitions.on_result(value, next_action_follows=next_action_follows)
            case Failed(error, reason):
                if reason:
                    yield from self.warn(reason)
                branch = transitions.on_error(error)
                if branch is None:
                    yield from self.warn(f"no branch takes {error}: the flow ends")
                return branch or Branch(error, None)
            case Unavailable(reason):
                branch = transitions.when_unavailable()
                yield from self.warn(f"{reason}; takes {branch.name}")
                return branch
            case Transferred(flow):
                return Branch(f"flow {flow.id}", flow.document.start)
            case _:
                return Branch(outcome.how.value, None)

    def _request(self, effect: WorldEffect) -> Request:
        return Request(effect, self._at)


def _final(outcome: Outcome) -> bool:
    """Answer whether the outcome leaves the flow for good, an interrupted loop included."""
    return isinstance(outcome, Ended) and outcome.how is not Ending.ENDED
