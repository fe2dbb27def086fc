"""UpdatePreviousContactParticipantState (Hold customer or agent).

AWS developer guide, contact-actions-updatepreviouscontactparticipantstate; administrator guide,
hold-customer-agent.
"""

from __future__ import annotations

from ivr.flow.effects import HoldPrevious, PreviousOnHold, ask
from ivr.flow.outcome import Done, Failed
from ivr.flow.parameters import NO_MATCHING_ERROR_ONLY, Branches, Parameters
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.CONTACT)


class UpdatePreviousContactParticipantState(Parameters):
    """Parameters as they stand in the flow document; a reference is not allowed."""

    previous_contact_participant_state: PreviousOnHold

    def branches(self) -> Branches:
        """A contact without a previous one is an error."""
        return NO_MATCHING_ERROR_ONLY


@family.action("UpdatePreviousContactParticipantState", UpdatePreviousContactParticipantState)
def update_previous_contact_participant_state(
    params: UpdatePreviousContactParticipantState,
) -> Program:
    """Say who of the previous contact is on hold from here on."""
    done = yield from ask(HoldPrevious(params.previous_contact_participant_state))
    return Done() if done else Failed(reason="nobody of a previous contact can be held")
