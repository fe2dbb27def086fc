"""MessageParticipantIteratively (Loop prompts).

AWS developer guide, participant-actions-messageparticipantiteratively; administrator guide,
loop-prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from ivr.flow.actions.participant.prompts import CANNOT_PLAY, WITHOUT_MEDIA, Playable, is_silent
from ivr.flow.effects import PlayLoop, ask
from ivr.flow.memory import KeepInterruption, TakeInterruption
from ivr.flow.outcome import Result, Unavailable
from ivr.flow.parameters import Branches, Dynamic, Parameters
from ivr.flow.prompt import Prompt
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.PARTICIPANT)

MESSAGES_INTERRUPTED: Final = "MessagesInterrupted"

AGENT_ACCEPTS_WITHIN_SECONDS: Final = 20


class Message(Playable):
    """One message of the loop."""

    @model_validator(mode="after")
    def _plays_one_thing(self) -> Self:
        if self.given() != 1:
            message = "a message is exactly one of Text, SSML, PromptId and Media"
            raise ValueError(message)
        return self


class MessageParticipantIteratively(Parameters):
    """Parameters as they stand in the flow document."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    interrupt_frequency_seconds: Dynamic[Annotated[int, Field(ge=1)]] | None = None
    continue_messaging_during_interrupt: bool = False

    def branches(self) -> Branches:
        """Only an interruption leads out."""
        operands = () if self.interrupt_frequency_seconds is None else (MESSAGES_INTERRUPTED,)
        return Branches(operands=operands, next_action=False)

    def prompts(self) -> Iterator[Prompt]:
        """Answer the messages that can be had here and say something."""
        for message in self.messages:
            yield from (prompt for prompt in message.prompts() if not is_silent(prompt))

    def oddities(self) -> Iterator[str]:
        """Warn of messages that are skipped, and of an interruption that meets an offer."""
        if any(message.media is not None for message in self.messages):
            yield f"{WITHOUT_MEDIA}: such messages are skipped"
        seconds = self.interrupt_frequency_seconds
        if isinstance(seconds, int) and seconds <= AGENT_ACCEPTS_WITHIN_SECONDS:
            yield (
                f"an agent has {AGENT_ACCEPTS_WITHIN_SECONDS} s to accept: a callback or transfer "
                "asked for meanwhile takes its error branch"
            )


@family.action("MessageParticipantIteratively", MessageParticipantIteratively)
def message_participant_iteratively(params: MessageParticipantIteratively) -> Program:
    """Play the messages round and round; come back from an interruption where Connect does.

    After an interruption the first message begins, or, with
    ``ContinueMessagingDuringInterrupt``, the one after that which was playing.
    """
    before = yield from ask(TakeInterruption())
    messages = tuple(params.prompts())
    if not messages:
        return Unavailable("the loop has no message that can be played here")
    goes_on = before is not None and params.continue_messaging_during_interrupt
    seconds = params.interrupt_frequency_seconds
    interrupted = yield from ask(
        PlayLoop(
            messages=messages,
            interrupt_after=None if seconds is None else timedelta(seconds=seconds),
            keep_playing=params.continue_messaging_during_interrupt,
            start_at=(before.playing + 1) % len(messages) if before and goes_on else 0,
            unbroken=before is not None and goes_on and not before.broken,
        )
    )
    if interrupted is None:
        return CANNOT_PLAY
    yield from ask(KeepInterruption(interrupted.playing))
    return Result(MESSAGES_INTERRUPTED, next_action_follows=False)
