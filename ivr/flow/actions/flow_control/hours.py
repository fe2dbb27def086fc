"""CheckHoursOfOperation: AWS developer guide, flow-control-actions-checkhoursofoperation."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.effects import IsOpen, ask
from ivr.flow.outcome import Failed, Result
from ivr.flow.parameters import Branches, Mention, MentionKind, Parameters, Single
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.NOTHING)


class CheckHoursOfOperation(Parameters):
    """Parameters as they stand in the flow document; without hours it is the working queue's."""

    hours_of_operation_id: Single | None = None

    def branches(self) -> Branches:
        """Open or not, as conditions."""
        return Branches(
            required=("NoMatchingError",),
            optional=(),
            operands=("True", "False"),
            next_action=False,
        )

    def mentions(self) -> Iterator[Mention]:
        """Answer the hours."""
        yield from self._mention(MentionKind.HOURS, self.hours_of_operation_id)


@family.action("CheckHoursOfOperation", CheckHoursOfOperation)
def check_hours_of_operation(params: CheckHoursOfOperation) -> Program:
    """Choose by whether it is open."""
    is_open = yield from ask(IsOpen(params.hours_of_operation_id or None))
    if is_open is None:
        return Failed(reason="there are no such hours of operation")
    return Result(str(is_open))
