"""What a run remembers from action to action, and the point it can be resumed at.

Actions read and change the memory by effects of their own, which the interpreter answers itself;
they never leave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ivr.flow.effects import Effect
from ivr.flow.reference import Reference


@dataclass(frozen=True, slots=True)
class Interruption:
    """A loop of messages was interrupted, and the branch of the interruption runs.

    Attributes:
        action_id: The MessageParticipantIteratively that goes on when the branch ends.
        playing: Index of the message that was playing.
        broken: Something was played since.
    """

    action_id: str
    playing: int
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a run carries along.

    Attributes:
        stored_input: ``$.StoredCustomerInput``; it outlives the flow.
        turns: Turns taken so far by each Loop, by its identifier.
        flow_attributes: ``$.FlowAttributes``.
    """

    stored_input: str | None = None
    turns: Mapping[str, int] = field(default_factory=dict)
    flow_attributes: Mapping[str, str] = field(default_factory=dict)
    interruption: Interruption | None = None


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a run goes on after its controller died: the action starts again from its beginning.

    Attributes:
        memory: As it was when the action began. Stored input may be personal data.
    """

    flow_id: str
    flow_version: int
    action_id: str
    memory: Memory

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ResumePoint:
        """Read what ``as_json`` gave."""
        memory = dict(value["memory"])
        interruption = memory.pop("interruption")
        return cls(
            flow_id=value["flow_id"],
            flow_version=value["flow_version"],
            action_id=value["action_id"],
            memory=Memory(
                **memory, interruption=Interruption(**interruption) if interruption else None
            ),
        )


@dataclass(frozen=True, slots=True)
class Look(Effect[str | None]):
    """Ask what a reference stands for; none if it stands for nothing."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class KeepInput(Effect[None]):
    """Make a text the stored customer input."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnsTaken(Effect[int]):
    """Ask how many turns this action has taken."""


@dataclass(frozen=True, slots=True)
class KeepTurns(Effect[None]):
    """Remember how many turns this action has taken."""

    turns: int


@dataclass(frozen=True, slots=True)
class TakeInterruption(Effect[Interruption | None]):
    """Ask for the interruption this action is coming back from; it is over with that.

    An interruption of another action is over too: only the latest loop goes on.
    """


@dataclass(frozen=True, slots=True)
class KeepInterruption(Effect[None]):
    """Remember that this action was interrupted while a message played."""

    playing: int


MemoryEffect = Look | KeepInput | TurnsTaken | KeepTurns | TakeInterruption | KeepInterruption
