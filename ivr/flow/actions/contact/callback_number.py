"""UpdateContactCallbackNumber (Set callback number).

AWS developer guide, contact-actions-updatecontactcallbacknumber.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ivr.flow.effects import NumberAnswer, SetCallbackNumber, ask
from ivr.flow.memory import Look
from ivr.flow.outcome import Done, Failed, Outcome
from ivr.flow.parameters import Branches, LookedUp, Parameters
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.CONTACT)

OUTCOMES: Final[Mapping[NumberAnswer, Outcome]] = {
    NumberAnswer.ACCEPTED: Done(),
    NumberAnswer.NOT_A_NUMBER: Failed("InvalidCallbackNumber"),
    NumberAnswer.NOT_DIALABLE: Failed("CallbackNumberNotDialable"),
}


class UpdateContactCallbackNumber(Parameters):
    """Parameters as they stand in the flow document; the number is never written there."""

    callback_number: LookedUp

    def branches(self) -> Branches:
        """Both errors, and no other: Connect refuses NoMatchingError here."""
        return Branches(
            required=("InvalidCallbackNumber", "CallbackNumberNotDialable"), optional=()
        )


@family.action("UpdateContactCallbackNumber", UpdateContactCallbackNumber)
def update_contact_callback_number(params: UpdateContactCallbackNumber) -> Program:
    """Set the number to call back; a missing one is no number."""
    number = yield from ask(Look(params.callback_number))
    answer = NumberAnswer.NOT_A_NUMBER
    if number is not None:
        answer = yield from ask(SetCallbackNumber(number))
    return OUTCOMES[answer]
