from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ivr.flow.effects import CollectDigits, Digits, NumberFormat, ParseNumber
from ivr.flow.errors import InvalidFlow
from ivr.flow.interpreter import run
from ivr.flow.prompt import Text
from tests.flow_driver import Driven, a_document, a_flow, action, drive, drive_action, end, went_to

pytestmark = pytest.mark.unit

TYPE = "GetParticipantInput"
CHOICE_ERRORS = ("InputTimeLimitExceeded", "NoMatchingCondition", "NoMatchingError")


def choose(*answers: object, conditions: tuple[str, ...] = ("1",), **parameters: Any) -> Driven:
    return drive_action(
        TYPE,
        {"Text": "Press 1", "InputTimeLimitSeconds": "5", "StoreInput": "False"} | parameters,
        *answers,
        errors=CHOICE_ERRORS,
        conditions=conditions,
    )


def store(*answers: object, validation: dict[str, Any], **parameters: Any) -> Driven:
    flow = a_flow(
        action(
            "a",
            TYPE,
            {
                "Text": "Your number?",
                "InputTimeLimitSeconds": "7",
                "StoreInput": "True",
                "InputValidation": validation,
            }
            | parameters,
            to="read back",
            errors={"InvalidPhoneNumber": "invalid", "NoMatchingError": "error"},
        ),
        action("read back", "MessageParticipant", {"Text": "$.StoredCustomerInput"}),
        end("invalid"),
        end("error"),
    )
    return drive(run(flow), *answers)


def custom(maximum: object = 4) -> dict[str, Any]:
    return {"CustomValidation": {"MaximumLength": maximum}}


def number(form: str = "Local", **more: str) -> dict[str, Any]:
    return {"PhoneNumberValidation": {"NumberFormat": form} | more}


def findings(parameters: dict[str, Any]) -> list[str]:
    document = a_document(
        action("a", TYPE, parameters, to="b", errors=dict.fromkeys(CHOICE_ERRORS, "b")), end("b")
    )
    return [finding.message for finding in document.warnings]


# To choose by: one key within the time limit, # and * among the keys, no way to cancel.


def test_one_key_is_collected() -> None:
    driven = choose(Digits("1"))

    assert driven.asked == [
        CollectDigits(
            prompt=Text("Press 1"),
            max_digits=1,
            first_digit_timeout=timedelta(seconds=5),
            inter_digit_timeout=timedelta(seconds=5),
            terminator="",
            cancel_key=None,
        )
    ]


@pytest.mark.parametrize("key", ["1", "#", "*"])
def test_key_takes_the_branch_of_its_condition(key: str) -> None:
    assert went_to(choose(Digits(key), conditions=("1", "#", "*"))) == key


def test_other_key_is_no_match() -> None:
    assert went_to(choose(Digits("9"))) == "NoMatchingCondition"


def test_no_key_in_time_exceeds_the_limit() -> None:
    assert went_to(choose(Digits("", timed_out=True))) == "InputTimeLimitExceeded"


def test_unplayable_prompt_takes_the_error_branch() -> None:
    assert went_to(choose(None)) == "NoMatchingError"


def test_absent_store_input_means_a_choice() -> None:
    driven = drive_action(
        TYPE,
        {"InputTimeLimitSeconds": 5},
        Digits("1"),
        errors=CHOICE_ERRORS,
        conditions=("1",),
    )

    assert went_to(driven) == "1"


def test_empty_text_is_no_prompt() -> None:
    driven = choose(Digits("1"), Text="")

    assert isinstance(driven.asked[0], CollectDigits)
    assert driven.asked[0].prompt is None


# To be stored: until the terminator, the maximum length, or the pause between digits.


def test_entry_is_collected_and_stored() -> None:
    driven = store(Digits("1234"), validation=custom("4"))

    assert driven.asked[0] == CollectDigits(
        prompt=Text("Your number?"),
        max_digits=4,
        first_digit_timeout=timedelta(seconds=7),
        inter_digit_timeout=timedelta(seconds=5),
        terminator="#",
        cancel_key="*",
    )
    assert driven.points[1].memory.stored_input == "1234"
    assert went_to(driven) == "read back"


def test_keys_of_the_entry_can_be_configured() -> None:
    driven = store(
        validation=custom(),
        DTMFConfiguration={
            "InputTerminationSequence": "*9",
            "DisableCancelKey": "True",
            "InterdigitTimeLimitSeconds": "3",
        },
    )

    collect = driven.asked[0]
    assert isinstance(collect, CollectDigits)
    assert (collect.terminator, collect.cancel_key) == ("*9", None)
    assert collect.inter_digit_timeout == timedelta(seconds=3)


def test_star_cannot_both_end_and_cancel() -> None:
    with pytest.raises(InvalidFlow, match="may hold \\* only if DisableCancelKey is True"):
        store(validation=custom(), DTMFConfiguration={"InputTerminationSequence": "*"})


# No key at all is a success, and Timeout is stored.


@pytest.mark.parametrize("validation", [custom(), number(CountryCode="US")])
def test_silence_is_stored_as_timeout(validation: dict[str, Any]) -> None:
    driven = store(Digits("", timed_out=True), validation=validation)

    assert driven.points[-1].memory.stored_input == "Timeout"
    assert went_to(driven) == "read back"


@pytest.mark.parametrize("validation", [custom(), number(CountryCode="US")])
def test_unplayable_prompt_of_an_entry_takes_the_error_branch(validation: dict[str, Any]) -> None:
    assert went_to(store(None, validation=validation)) == "error"


# A phone number is stored as E.164, read in the country of the action, else of the site.


@pytest.mark.parametrize(
    ("validation", "asked"),
    [
        (number(CountryCode="US"), ParseNumber("2025550123", NumberFormat.LOCAL, "US")),
        (number(), ParseNumber("2025550123", NumberFormat.LOCAL, None)),
        (number("E164"), ParseNumber("2025550123", NumberFormat.E164, None)),
    ],
)
def test_phone_number_is_stored_as_e164(validation: dict[str, Any], asked: ParseNumber) -> None:
    driven = store(Digits("2025550123"), "+12025550123", validation=validation)

    assert driven.asked[1] == asked
    assert driven.points[-1].memory.stored_input == "+12025550123"


def test_what_is_no_phone_number_takes_its_branch_and_stores_nothing() -> None:
    driven = store(Digits("1"), None, validation=number(CountryCode="US"))

    assert went_to(driven) == "invalid"
    assert driven.points[-1].memory.stored_input is None


def test_only_the_terminator_is_no_phone_number() -> None:
    driven = store(Digits(""), None, validation=number(CountryCode="US"))

    assert driven.asked[1] == ParseNumber("", NumberFormat.LOCAL, "US")
    assert went_to(driven) == "invalid"


# More than fifteen digits are never a number; the whole of a long entry is taken and refused.


def test_sixteen_digits_never_validate() -> None:
    driven = store(Digits("1"), "+4930123456789012", validation=number(CountryCode="DE"))

    assert went_to(driven) == "invalid"


def test_overlong_entry_is_taken_whole() -> None:
    driven = store(validation=number(CountryCode="DE"))

    assert isinstance(driven.asked[0], CollectDigits)
    assert driven.asked[0].max_digits > 40


# What must be there, and what it may be.


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"Text": "a", "SSML": "b"}, "at most one of Text"),
        ({"StoreInput": "True"}, "InputValidation is required"),
        ({"InputTimeLimitSeconds": "0"}, "greater than or equal to 1"),
        ({"InputTimeLimitSeconds": "$.Attributes.x"}, "valid integer"),
        ({"StoreInput": "True", "InputValidation": {}}, "exactly one of PhoneNumberValidation"),
        ({"StoreInput": "True", "InputValidation": custom(0)}, "greater than or equal to 1"),
        ({"StoreInput": "True", "InputValidation": number(CountryCode="Narnia")}, "pattern"),
        ({"StoreInput": "True", "InputValidation": number("Roman")}, "'Local' or 'E164'"),
        ({"DTMFConfiguration": {"InputTerminationSequence": "123456"}}, "pattern"),
        ({"DTMFConfiguration": {"InterdigitTimeLimitSeconds": 21}}, "less than or equal to 20"),
    ],
)
def test_wrong_parameters_are_faults(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFlow, match=message):
        findings({"InputTimeLimitSeconds": "5"} | parameters)


def test_oddities_are_warned_of() -> None:
    assert findings({}) == ["no InputTimeLimitSeconds: 5 s are waited"]
    assert findings({"InputTimeLimitSeconds": 5, "InputValidation": custom()}) == [
        "InputValidation says nothing unless StoreInput is True"
    ]
    local = findings(
        {"InputTimeLimitSeconds": 5, "StoreInput": "true", "InputValidation": number()}
    )
    assert "no CountryCode: numbers are taken for the site's own country" in local
    long = findings(
        {"InputTimeLimitSeconds": 5, "StoreInput": "true", "InputValidation": custom("21")}
    )
    assert "Amazon Connect takes 20 digits at most" in long


# Branches: a choice needs three errors, a number two, another entry one.


def test_branches_that_connect_requires_are_missed() -> None:
    document = a_document(action("a", TYPE, {"InputTimeLimitSeconds": 5}))

    assert [finding.message for finding in document.warnings] == [
        f"there is no branch for {error}; Connect requires it" for error in CHOICE_ERRORS
    ]


def test_conditions_of_a_choice_are_single_keys() -> None:
    document = a_document(
        action(
            "a",
            TYPE,
            {"InputTimeLimitSeconds": 5},
            errors=dict.fromkeys(CHOICE_ERRORS, "b"),
            conditions={"1": "b", "12": "b"},
        ),
        end("b"),
    )

    assert [str(finding) for finding in document.warnings] == [
        "a (Actions[0].Transitions.Conditions[1]): Equals 12 cannot come about"
    ]


# What cannot run here takes the error branch, and never takes an entry in clear.


@pytest.mark.parametrize(
    "parameters",
    [
        {"Media": {"Uri": "s3://b/a.wav"}},
        {
            "StoreInput": "True",
            "InputValidation": custom(),
            "InputEncryption": {"EncryptionKeyId": "k", "Key": "-----"},
        },
        {"EnableDTMFBuffer": "true", "StoreInput": "true"},
    ],
)
def test_what_cannot_run_here_takes_the_error_branch(parameters: dict[str, Any]) -> None:
    driven = drive_action(TYPE, {"InputTimeLimitSeconds": 5} | parameters)

    assert driven.asked == []
    assert went_to(driven) == "NoMatchingError"
    assert any("error branch is taken" in message for message in findings(parameters))
