"""MessageParticipant (Play prompt): AWS developer guide, participant-actions-messageparticipant."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ivr.flow.actions.participant.prompts import CANNOT_PLAY, WITHOUT_MEDIA, Playable, is_silent
from ivr.flow.effects import Play, ask
from ivr.flow.outcome import Done, Unavailable
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.PARTICIPANT)


class MessageParticipant(Playable):
    """Parameters as they stand in the flow document.

    ``SkipWhenDTMFBufferEnabled`` is written by the console; without a key buffer it says nothing.
    """

    skip_when_dtmf_buffer_enabled: bool | None = Field(
        default=None, alias="SkipWhenDTMFBufferEnabled"
    )

    @model_validator(mode="after")
    def _plays_one_thing(self) -> Self:
        if self.given() != 1:
            message = "exactly one of Text, SSML, PromptId and Media must be given"
            raise ValueError(message)
        return self


@family.action("MessageParticipant", MessageParticipant)
def message_participant(params: MessageParticipant) -> Program:
    """Play a prompt; one that cannot be played is an error, an empty text is silence."""
    prompt = params.prompt()
    if prompt is None:
        return Unavailable(WITHOUT_MEDIA)
    if is_silent(prompt):
        return Done()
    played = yield from ask(Play(prompt))
    return Done() if played else CANNOT_PLAY
