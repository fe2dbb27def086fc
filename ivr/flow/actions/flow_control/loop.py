"""Loop: AWS developer guide, flow-control-actions-loop."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from ivr.flow.effects import ask
from ivr.flow.memory import KeepTurns, TurnsTaken
from ivr.flow.outcome import Result
from ivr.flow.parameters import Branches, Dynamic, Parameters
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.NOTHING)

CONTINUE: Final = "ContinueLooping"
DONE: Final = "DoneLooping"


class Loop(Parameters):
    """Parameters as they stand in the flow document."""

    loop_count: Dynamic[Annotated[int, Field(ge=0, le=100)]]

    def branches(self) -> Branches:
        """Round again, or done."""
        return Branches(operands=(CONTINUE, DONE), next_action=False)


@family.action("Loop", Loop)
def loop(params: Loop) -> Program:
    """Lead round ``LoopCount`` times, then out once, and begin anew."""
    turns = yield from ask(TurnsTaken())
    if turns < params.loop_count:
        yield from ask(KeepTurns(turns + 1))
        return Result(CONTINUE)
    yield from ask(KeepTurns(0))
    return Result(DONE)
