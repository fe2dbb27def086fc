"""Numbers are read as meant, and nothing forbidden is ever dialled (A4, A5, reliability §1)."""

from __future__ import annotations

import itertools
import os

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from ivr.domain.ids import E164
from ivr.domain.phone_number import (
    USUAL_TYPES,
    Denial,
    NumberFormat,
    NumberPolicy,
    NumberType,
    in_format,
    mask,
    national,
    parse_any,
    parse_international,
    parse_local,
    spoken_groups,
    time_zones_of,
)
from tests.unit.domain.golden_numbers import GOLDEN, HOME, POLICY

pytestmark = pytest.mark.unit

FULL = os.environ.get("QUEUEBACK_FULL") == "1"
TOGETHER = 5
STRINGS = settings(
    max_examples=(100_000 if FULL else 1_000) // TOGETHER, deadline=None, derandomize=not FULL
)

ANY_REGION = sorted(phonenumbers.SUPPORTED_REGIONS)
OPEN_TYPES = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
}


# --- the policy ---------------------------------------------------------------------------------


def test_golden_table_is_large_enough_to_mean_something() -> None:
    assert len(GOLDEN) >= 200
    assert {expected for _, expected in GOLDEN} == {None, *Denial}


@pytest.mark.parametrize("expected", [None, *Denial])
def test_golden_numbers_are_judged_as_their_plans_say(expected: Denial | None) -> None:
    numbers = [number for number, denial in GOLDEN if denial is expected]

    assert {number: POLICY.check(number) for number in numbers} == dict.fromkeys(numbers, expected)


def test_example_of_every_type_in_every_region_is_judged_by_region_and_type() -> None:
    policy = NumberPolicy(allowed_regions=HOME)
    wrong = []
    for region, kind in itertools.product(ANY_REGION, PhoneNumberType.values()):
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None:
            continue
        number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
        if phonenumbers.region_code_for_number(example) not in HOME:
            expected: Denial | None = Denial.REGION
        elif phonenumbers.number_type(example) not in OPEN_TYPES:
            expected = Denial.TYPE
        else:
            expected = None
        if policy.check(number) is not expected:
            wrong.append((number, expected))

    assert wrong == []


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_number_of_no_country_is_off_unless_listed(code: int) -> None:
    example = phonenumbers.example_number_for_non_geo_entity(code)
    assert example is not None
    number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    every_region = NumberPolicy(
        allowed_regions=frozenset(ANY_REGION), allowed_types=frozenset(NumberType)
    )

    assert every_region.check(number) is Denial.REGION


def test_number_of_no_country_passes_when_listed_with_its_type() -> None:
    policy = NumberPolicy(
        allowed_regions=frozenset({"001"}), allowed_types=frozenset({NumberType.TOLL_FREE})
    )

    assert policy.check("+80012345678") is None
    assert policy.check("+979123456789") is Denial.TYPE


def test_empty_policy_allows_nobody() -> None:
    assert NumberPolicy().check("+12125550123") is Denial.REGION


@pytest.mark.parametrize(
    ("number", "opted"),
    [("+18005551212", NumberType.TOLL_FREE), ("+445612345678", NumberType.VOIP)],
)
def test_toll_free_and_voip_are_dialled_only_when_opted_in(number: str, opted: NumberType) -> None:
    usual = NumberPolicy(allowed_regions=HOME)
    wider = NumberPolicy(allowed_regions=HOME, allowed_types=USUAL_TYPES | {opted})

    assert usual.check(number) is Denial.TYPE
    assert wider.check(number) is None


def test_site_number_is_refused_even_when_it_is_an_account_number_too() -> None:
    number = E164("+12025550100")
    policy = NumberPolicy(own_numbers=frozenset({number}), account_numbers=frozenset({number}))

    assert policy.check(number) is Denial.OWN_NUMBER


def test_national_form_that_is_an_emergency_number_of_a_served_region_is_refused() -> None:
    served = NumberPolicy(allowed_regions=frozenset({"FI"}), served_regions=frozenset({"SE"}))
    elsewhere = NumberPolicy(allowed_regions=frozenset({"FI"}))

    assert served.check("+35890000") is Denial.EMERGENCY
    assert elsewhere.check("+35890000") is None


def test_emergency_numbers_and_short_codes_are_no_numbers_where_they_are_keyed() -> None:
    common = (
        "100",
        "101",
        "110",
        "111",
        "112",
        "113",
        "115",
        "117",
        "118",
        "119",
        "15",
        "17",
        "18",
        "190",
        "911",
        "933",
        "988",
        "995",
        "999",
        "000",
        "116000",
        "116117",
        "118118",
    )
    found = 0
    for region in sorted(phonenumbers.SUPPORTED_SHORT_REGIONS):
        for code in common:
            if is_short_code(code, region):
                found += 1
                assert parse_local(code, region) is None, (code, region)
    assert found > 500


def is_short_code(code: str, region: str) -> bool:
    parsed = phonenumbers.PhoneNumber(
        country_code=phonenumbers.country_code_for_region(region),
        national_number=int(code),
        italian_leading_zero=code.startswith("0") or None,
        number_of_leading_zeros=len(code) - len(code.lstrip("0")) or None,
    )
    return phonenumbers.is_emergency_number(code, region) or bool(
        phonenumbers.is_valid_short_number_for_region(parsed, region)
    )


@pytest.mark.parametrize(
    ("denial", "malformed"), [(d, d in {Denial.INVALID, Denial.TOO_LONG}) for d in Denial]
)
def test_denial_tells_no_number_from_a_forbidden_one(denial: Denial, *, malformed: bool) -> None:
    assert denial.is_malformed is malformed


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digits", "country", "expected"),
    [
        ("030123456", "DE", "+4930123456"),
        ("30123456", "DE", "+4930123456"),
        ("2125550123", "US", "+12125550123"),
        ("12125550123", "US", "+12125550123"),
        ("0612345678", "IT", "+390612345678"),
        ("02079460018", "GB", "+442079460018"),
        ("9002345678", "US", "+19002345678"),  # a number, though the policy denies it
        ("", "DE", None),
        ("5551234", "US", None),
        ("112", "DE", None),
        ("110", "DE", None),
        ("911", "US", None),
        ("999", "GB", None),
        ("1234", "DE", None),
        ("116117", "DE", None),
        ("442079460018", "US", None),
        ("00442079460018", "DE", None),
        ("011442079460018", "US", None),
        ("+4930123456", "DE", None),
        ("030123*456", "DE", None),
        ("030123456#", "DE", None),
        ("٠٣٠١٢٣٤٥٦", "DE", None),
        ("030123456789012345", "DE", None),
        ("0301234567890123", "DE", None),
        ("1" * 40, "US", None),
        ("2125550123", "XX", None),
    ],
)
def test_number_keyed_in_national_form(digits: str, country: str, expected: str | None) -> None:
    assert parse_local(digits, country) == expected


@pytest.mark.parametrize(
    ("digits", "country", "expected"),
    [
        ("+4930123456", "US", "+4930123456"),
        ("004930123456", "DE", "+4930123456"),
        ("004930123456", "US", "+4930123456"),
        ("0114930123456", "US", "+4930123456"),
        ("0104930123456", "JP", "+4930123456"),
        ("00114930123456", "AU", "+4930123456"),
        ("8104930123456", "RU", "+4930123456"),
        ("0014930123456", "KR", "+4930123456"),
        ("0012125550123", "KR", "+12125550123"),
        ("4930123456", "DE", "+4930123456"),
        ("12125550123", "DE", "+12125550123"),
        ("819012345678", "RU", "+819012345678"),
        ("12125550123", "XX", "+12125550123"),
        ("", "DE", None),
        ("+", "DE", None),
        ("00", "DE", None),
        ("++4930123456", "DE", None),
        ("030123456", "DE", None),
        ("2125550123", "US", None),
        ("49112", "DE", None),
        ("+1911", "US", None),
        ("49301234567890123", "DE", None),
        ("0049301234567890123", "DE", None),
        ("9" * 40, "DE", None),
    ],
)
def test_number_keyed_with_country_code(digits: str, country: str, expected: str | None) -> None:
    assert parse_international(digits, country) == expected


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("+4930123456", "US", "+4930123456"),
        ("+49 (0)30 / 123-456", "DE", "+4930123456"),
        ("004930123456", "DE", "+4930123456"),
        ("4930123456", "DE", "+4930123456"),  # not area 04930: its trunk prefix is missing
        ("04931123456", "DE", "+494931123456"),
        ("030123456", "DE", "+4930123456"),
        ("30123456", "DE", "+4930123456"),
        ("2025550123", "US", "+12025550123"),  # +20 is Egypt; the country's own way comes first
        ("(202) 555-0123", "US", "+12025550123"),
        ("12025550123", "US", "+12025550123"),
        ("0612345678", "IT", "+390612345678"),
        ("+15550100000", "US", "+15550100000"),  # possible, though in no plan
        ("+1555", "US", None),
        ("+999123456", "US", None),
        ("+49301234567890123", "DE", None),
        ("anonymous", "US", None),
        ("Restricted", "DE", None),
        ("", "DE", None),
        ("101", "DE", None),
        ("+4930123456;ext=12", "DE", None),
        ("+4930123456x12", "DE", None),
        ("030123456\n", "DE", None),
        ("1-800-FLOWERS", "US", None),
    ],
)
def test_number_as_trunks_and_people_write_it(
    text: str, country: str, expected: str | None
) -> None:
    assert parse_any(text, country) == expected


def test_fictional_number_is_read_only_when_it_is_known() -> None:
    account = E164("+441632960001")

    assert parse_local("01632960001", "GB") is None
    assert parse_local("01632960001", "GB", known={account}) == account
    assert parse_international("441632960001", "GB", known={account}) == account
    assert parse_any("01632960001", "GB", known={account}) == account
    assert parse_local("01632960002", "GB", known={account}) is None


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "form", "country", "expected"),
    [
        ("+4930123456", NumberFormat.E164_PLUS, "DE", "+4930123456"),
        ("+4930123456", NumberFormat.E164, "DE", "4930123456"),
        ("+4930123456", NumberFormat.NATIONAL, "DE", "030123456"),
        ("+4930123456", NumberFormat.NATIONAL, "US", "0114930123456"),
        ("+4930123456", NumberFormat.NATIONAL, "AU", "00114930123456"),
        ("+4930123456", NumberFormat.NATIONAL, "RU", "8104930123456"),
        ("+4930123456", NumberFormat.NATIONAL, "BR", "+4930123456"),
        ("+12125550123", NumberFormat.NATIONAL, "US", "2125550123"),
        ("+18765550123", NumberFormat.NATIONAL, "US", "8765550123"),
        ("+390612345678", NumberFormat.NATIONAL, "IT", "0612345678"),
    ],
)
def test_trunk_gets_the_number_in_its_format(
    number: str, form: NumberFormat, country: str, expected: str
) -> None:
    assert in_format(E164(number), form, country) == expected


def test_people_read_the_national_form() -> None:
    assert national(E164("+12125550123")) == "(212) 555-0123"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+49301234523", "+49•••••••23"),
        ("+12125550123", "+1••••••••23"),
        ("+35312345678", "+353••••••78"),
        ("0301234523", "••••••••23"),
        ("+49 30 / 12345-23", "+49•••••••23"),
        ("12345", "•••••"),
        ("+4911", "+49••"),
        ("+999123456", "•••••••56"),
        ("+", "•"),
        ("anonymous", "•"),
        ("", "•"),
    ],
)
def test_mask_leaves_country_code_and_two_digits(number: str, expected: str) -> None:
    assert mask(number) == expected


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("+12125550123", "US", ("212", "555", "0123")),
        ("+12125550123", None, ("1", "212", "555", "0123")),
        ("+4930123456", "DE", ("030", "123", "456")),
        ("+4930123456", "US", ("49", "30", "123", "456")),
        ("+4915112345678", "DE", ("015", "11", "234", "5678")),
        ("+33142685300", None, ("33", "1", "42", "68", "53", "00")),
    ],
)
def test_number_is_read_aloud_in_groups(
    number: str, country: str | None, expected: tuple[str, ...]
) -> None:
    assert spoken_groups(E164(number), country) == expected


def test_time_zones_follow_the_number() -> None:
    assert time_zones_of(E164("+12125550123")) == ("America/New_York",)
    assert len(time_zones_of(E164("+18005551212"))) > 10
    assert time_zones_of(E164("+80012345678")) == ()
    assert time_zones_of(E164("+")) == ()


# --- whatever is keyed --------------------------------------------------------------------------

keyed = st.one_of(
    st.text("0123456789", max_size=20),
    st.text("0123456789*#+", max_size=24),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "+", "00", "011", "0", "49", "+49", "1", "+1", "+44", "0044", "900"]),
        st.sampled_from(["", "900", "112", "911", "180", "7", "30", "212555", "876555", "20"]),
        st.text("0123456789", min_size=3, max_size=14),
    ),
    st.text(max_size=30),
)


@STRINGS
@given(
    texts=st.lists(keyed, min_size=TOGETHER, max_size=TOGETHER),
    country=st.sampled_from(["DE", "US", "GB", "IT", "KR", "XX"]),
)
def test_nothing_keyed_crashes_or_gets_a_forbidden_number_dialled(
    texts: list[str], country: str
) -> None:
    for text in texts:
        check_one(text, country)


def check_one(text: str, country: str) -> None:
    for number in (
        parse_local(text, country),
        parse_international(text, country),
        parse_any(text, country),
        text,
    ):
        mask(text)
        if number is None or POLICY.check(number) is not None:
            continue
        assert_may_be_dialled(number)
        assert spoken_groups(E164(number), country)


def assert_may_be_dialled(number: str) -> None:
    """Judge by the numbering plans alone, without our own rules."""
    if number in POLICY.account_numbers:
        return
    parsed = phonenumbers.parse(number)
    significant = phonenumbers.national_significant_number(parsed)
    assert number == phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    assert len(number) <= 16
    assert phonenumbers.is_valid_number(parsed)
    assert phonenumbers.region_code_for_number(parsed) in HOME
    assert phonenumbers.number_type(parsed) in OPEN_TYPES
    assert not any(phonenumbers.is_emergency_number(significant, region) for region in HOME)
    assert number not in POLICY.own_numbers
    assert not number.startswith(POLICY.denied_prefixes)
