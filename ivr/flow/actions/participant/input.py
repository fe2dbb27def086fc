"""GetParticipantInput: one key to choose by, or an entry to be stored.

AWS developer guide, participant-actions-getparticipantinput; administrator guide,
get-customer-input and store-customer-input.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from ivr.flow.actions.participant.prompts import CANNOT_PLAY, WITHOUT_MEDIA, Playable, is_silent
from ivr.flow.effects import (
    CollectDigits,
    Digits,
    Effect,
    NumberFormat,
    ParseNumber,
    ask,
)
from ivr.flow.memory import KeepInput
from ivr.flow.outcome import Done, Failed, Result, Unavailable
from ivr.flow.parameters import NO_MATCHING_ERROR_ONLY, Branches, Dynamic, Group
from ivr.flow.prompt import Prompt
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.PARTICIPANT)

TIMEOUT: Final = "Timeout"
"""Stored when nothing was keyed; flows compare with it."""

MOST_DIGITS_OF_A_NUMBER: Final = 15
"""E.164's limit, country code included."""

MOST_KEYS_OF_A_NUMBER: Final = 64
"""So that the whole of an overlong entry is refused, and none of it falls into the next menu."""

MOST_KEYS_IN_CONNECT: Final = 20

DEFAULT_TIME_LIMIT_SECONDS: Final = 5
DEFAULT_INTERDIGIT_SECONDS: Final = 5
DEFAULT_TERMINATOR: Final = "#"
CANCEL_KEY: Final = "*"


class PhoneNumberValidation(Group):
    """The entry is a phone number."""

    number_format: NumberFormat
    country_code: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None


class CustomValidation(Group):
    """The entry is any text of digits."""

    maximum_length: Dynamic[Annotated[int, Field(ge=1)]]


class InputValidation(Group):
    """What an entry must be."""

    phone_number_validation: PhoneNumberValidation | None = None
    custom_validation: CustomValidation | None = None

    def oddities(self) -> Iterator[str]:
        """Warn of a missing country, and of more digits than Connect takes."""
        number, custom = self.phone_number_validation, self.custom_validation
        if number and number.number_format is NumberFormat.LOCAL and number.country_code is None:
            yield "no CountryCode: numbers are taken for the site's own country"
        length = custom.maximum_length if custom else 0
        if isinstance(length, int) and length > MOST_KEYS_IN_CONNECT:
            yield f"Amazon Connect takes {MOST_KEYS_IN_CONNECT} digits at most"

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.phone_number_validation is None) == (self.custom_validation is None):
            message = "exactly one of PhoneNumberValidation and CustomValidation must be given"
            raise ValueError(message)
        return self


class DtmfConfiguration(Group):
    """How an entry ends."""

    input_termination_sequence: Annotated[str, Field(pattern="^[0-9*#]{0,5}$")] = DEFAULT_TERMINATOR
    disable_cancel_key: bool = False
    interdigit_time_limit_seconds: Dynamic[Annotated[int, Field(ge=1, le=20)]] = (
        DEFAULT_INTERDIGIT_SECONDS
    )

    @model_validator(mode="after")
    def _star_is_free_to_end_with(self) -> Self:
        if CANCEL_KEY in self.input_termination_sequence and not self.disable_cancel_key:
            message = "InputTerminationSequence may hold * only if DisableCancelKey is True"
            raise ValueError(message)
        return self


class GetParticipantInput(Playable):
    """Parameters as they stand in the flow document."""

    input_time_limit_seconds: Annotated[int, Field(ge=1)] = DEFAULT_TIME_LIMIT_SECONDS
    store_input: bool = False
    input_validation: InputValidation | None = None
    input_encryption: dict[str, Any] | None = None
    dtmf_configuration: DtmfConfiguration = Field(
        default_factory=DtmfConfiguration, alias="DTMFConfiguration"
    )
    enable_dtmf_buffer: bool | None = Field(default=None, alias="EnableDTMFBuffer")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.given() > 1:
            message = "at most one of Text, SSML, PromptId and Media may be given"
            raise ValueError(message)
        if self.store_input and self.input_validation is None and self.enable_dtmf_buffer is None:
            message = "InputValidation is required where StoreInput is True"
            raise ValueError(message)
        return self

    def unavailable(self) -> str | None:
        """Answer why this form of the action cannot run here; none if it can."""
        if self.enable_dtmf_buffer is not None:
            return "there is no key buffer here"
        if self.input_encryption is not None:
            return "an entry that must be encrypted cannot be taken here"
        return WITHOUT_MEDIA if self.media is not None else None

    def branches(self) -> Branches:
        """A choice has a branch per key; a stored entry has none."""
        if self.enable_dtmf_buffer is not None:
            return NO_MATCHING_ERROR_ONLY
        if not self.store_input:
            return Branches(
                required=("InputTimeLimitExceeded", "NoMatchingCondition", "NoMatchingError"),
                optional=(),
                own_operands="[0-9*#]",
                next_action=False,
            )
        if self.input_validation and self.input_validation.phone_number_validation:
            return Branches(required=("InvalidPhoneNumber", "NoMatchingError"), optional=())
        return NO_MATCHING_ERROR_ONLY

    def oddities(self) -> Iterator[str]:
        """Warn of what does not run here, and of what Connect would not take."""
        if reason := self.unavailable():
            yield f"{reason}: the error branch is taken"
        if "input_time_limit_seconds" not in self.model_fields_set:
            yield f"no InputTimeLimitSeconds: {DEFAULT_TIME_LIMIT_SECONDS} s are waited"
        if not self.store_input and self.input_validation is not None:
            yield "InputValidation says nothing unless StoreInput is True"
        if self.input_validation is not None:
            yield from self.input_validation.oddities()


@family.action("GetParticipantInput", GetParticipantInput)
def get_participant_input(params: GetParticipantInput) -> Program:
    """Take a key to choose by, or an entry to be stored."""
    if reason := params.unavailable():
        return Unavailable(reason)
    match params.input_validation if params.store_input else None:
        case InputValidation(phone_number_validation=PhoneNumberValidation() as number):
            return (yield from _store_number(params, number))
        case InputValidation(custom_validation=CustomValidation() as custom):
            return (yield from _store_text(params, custom))
        case _:
            return (yield from _choose_by_key(params))


def _choose_by_key(params: GetParticipantInput) -> Program:
    """One key, ``#`` and ``*`` among them; none in time is ``InputTimeLimitExceeded``."""
    digits = yield from ask(
        CollectDigits(
            prompt=_prompt(params),
            max_digits=1,
            first_digit_timeout=timedelta(seconds=params.input_time_limit_seconds),
            inter_digit_timeout=timedelta(seconds=DEFAULT_INTERDIGIT_SECONDS),
        )
    )
    if digits is None:
        return CANNOT_PLAY
    return Failed("InputTimeLimitExceeded") if digits.timed_out else Result(digits.pressed)


def _store_text(params: GetParticipantInput, custom: CustomValidation) -> Program:
    digits = yield from _entry(params, max_digits=custom.maximum_length)
    if digits is None:
        return CANNOT_PLAY
    yield from ask(KeepInput(TIMEOUT if digits.timed_out else digits.pressed))
    return Done()


def _store_number(params: GetParticipantInput, validation: PhoneNumberValidation) -> Program:
    """Store a number as E.164, so that the callback number can be set from it.

    Nothing keyed at all is a success with ``Timeout`` stored, as Connect documents it.
    """
    digits = yield from _entry(params, max_digits=MOST_KEYS_OF_A_NUMBER)
    if digits is None:
        return CANNOT_PLAY
    if digits.timed_out:
        yield from ask(KeepInput(TIMEOUT))
        return Done()
    number = yield from ask(
        ParseNumber(digits.pressed, validation.number_format, validation.country_code)
    )
    if number is None or len(number.lstrip("+")) > MOST_DIGITS_OF_A_NUMBER:
        return Failed("InvalidPhoneNumber")
    yield from ask(KeepInput(number))
    return Done()


def _entry(
    params: GetParticipantInput, *, max_digits: int
) -> Generator[Effect[Any], Any, Digits | None]:
    keys = params.dtmf_configuration
    return ask(
        CollectDigits(
            prompt=_prompt(params),
            max_digits=max_digits,
            first_digit_timeout=timedelta(seconds=params.input_time_limit_seconds),
            inter_digit_timeout=timedelta(seconds=keys.interdigit_time_limit_seconds),
            terminator=keys.input_termination_sequence,
            cancel_key=None if keys.disable_cancel_key else CANCEL_KEY,
        )
    )


def _prompt(params: GetParticipantInput) -> Prompt | None:
    prompt = params.prompt()
    return None if is_silent(prompt) else prompt
