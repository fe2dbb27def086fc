"""Compare (Check contact attributes): AWS developer guide, flow-control-actions-compare."""

from __future__ import annotations

from ivr.flow.effects import ask
from ivr.flow.memory import Look
from ivr.flow.outcome import Result
from ivr.flow.parameters import Branches, LookedUp, Parameters
from ivr.flow.registry import ActionFamily, Needs, Program
from ivr.flow.step import OPERATORS

family = ActionFamily(Needs.NOTHING)


class Compare(Parameters):
    """Parameters as they stand in the flow document."""

    comparison_value: LookedUp

    def branches(self) -> Branches:
        """Conditions of the author's own, with any operator."""
        return Branches(
            required=("NoMatchingCondition",),
            optional=(),
            own_operands=".*",
            operators=tuple(OPERATORS),
            next_action=False,
        )


@family.action("Compare", Compare)
def compare(params: Compare) -> Program:
    """Choose by what a reference stands for; a missing value equals ``NULL`` and nothing else."""
    return Result((yield from ask(Look(params.comparison_value))))
