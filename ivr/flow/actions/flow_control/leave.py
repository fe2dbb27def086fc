"""TransferToFlow and EndFlowExecution: the two ways to leave a flow and stay on the call.

AWS developer guide, flow-control-actions-transfertoflow and -endflowexecution; administrator
guide, end-flow-resume.
"""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.effects import FindFlow, ask
from ivr.flow.outcome import Ended, Failed, Transferred
from ivr.flow.parameters import (
    LEAVES_FLOW,
    Branches,
    Mention,
    MentionKind,
    Parameters,
    Single,
)
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.NOTHING)


class TransferToFlow(Parameters):
    """Parameters as they stand in the flow document."""

    contact_flow_id: Single

    def branches(self) -> Branches:
        """Success leaves the flow; what the console writes as NextAction is the error's target."""
        return Branches(required=("NoMatchingError",), optional=(), next_action=False)

    def oddities(self) -> Iterator[str]:
        """Warn of an empty name."""
        if not self.contact_flow_id:
            yield "no flow is named: the error branch is taken"

    def mentions(self) -> Iterator[Mention]:
        """Answer the flow."""
        yield from self._mention(MentionKind.FLOW, self.contact_flow_id)


@family.action("TransferToFlow", TransferToFlow)
def transfer_to_flow(params: TransferToFlow) -> Program:
    """Go on in another flow and never come back; attributes and hooks stay as they are."""
    flow = yield from ask(FindFlow(params.contact_flow_id))
    return Failed(reason="there is no such flow") if flow is None else Transferred(flow)


class EndFlowExecution(Parameters):
    """It has no parameters."""

    def branches(self) -> Branches:
        """Nothing follows."""
        return LEAVES_FLOW


@family.action("EndFlowExecution", EndFlowExecution)
def end_flow_execution(_params: EndFlowExecution) -> Ended:
    """End the flow; in the branch of an interruption, go on with the messages."""
    return Ended()
