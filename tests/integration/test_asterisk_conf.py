from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr.domain.ids import E164, Endpoint
from ivr.ports.provisioning import (
    AgentPhone,
    CallerAccount,
    InboundNumber,
    ManagerUser,
    PbxPlan,
    Trunk,
)
from ivr.settings import Settings
from ivr.telephony import dialplan as names
from ivr.telephony.provisioning import render
from tests.asterisk_config import Extensions, Section, Step, dialplan, lines, parse, with_includes

pytestmark = pytest.mark.integration

CONF = Path(__file__).resolve().parents[2] / "asterisk-conf"
PLAN = PbxPlan(
    control_user=ManagerUser(name="ivr", secret="control-secret"),
    provision_user=ManagerUser(name="provision", secret="provision-secret"),
    numbers=(InboundNumber(number=E164("+493012345"), spellings=("+493012345", "03012345")),),
    agents=(AgentPhone(endpoint=Endpoint("anna"), secret="anna-secret", display_name="Anna"),),
    callers=(
        CallerAccount(endpoint=Endpoint("carla"), secret="carla-secret", number=E164("+491701")),
    ),
    trunks=(Trunk(name="carrier", host="127.0.0.21", addresses=("127.0.0.21",)),),
)
GENERATED = render(PLAN)


def config(name: str) -> list[Section]:
    return parse(with_includes(CONF / name, GENERATED))


def section(name: str, of: str) -> Section:
    (found,) = (s for s in config(of) if s.name == name)
    return found


PLAN_TEXT = with_includes(CONF / "extensions.conf", GENERATED)
CONTEXTS = dialplan(parse(PLAN_TEXT))


# --- names --------------------------------------------------------------------------------------


def test_contexts_are_the_same_on_both_sides() -> None:
    assert CONTEXTS.keys() == set(names.Context)


def test_places_are_the_same_on_both_sides() -> None:
    patterns = {"_room-.", "_sorry-.", "_recall-.", "_hear-.", "_coach-.", "_agi-."}

    assert CONTEXTS["places"].keys() - {"i"} - patterns == names.FIXED_PLACES
    assert CONTEXTS["places"].keys() >= patterns


def test_scripts_that_the_dialplan_enters_are_known() -> None:
    entered = set(re.findall(r"Goto\(places,agi-(\w+),1\)", PLAN_TEXT))

    assert entered == set(names.Script) - {names.Script.LEG}


def test_variables_are_the_same_on_both_sides() -> None:
    assert set(re.findall(r"IVR_[A-Z]+", PLAN_TEXT)) == set(names.Variable)


def test_the_heartbeat_is_global_and_the_called_number_goes_along() -> None:
    bare = re.findall(rf"(?<!GLOBAL\(){names.Variable.HEARTBEAT}", PLAN_TEXT)

    assert bare == []
    assert f"GLOBAL({names.Variable.HEARTBEAT})" in PLAN_TEXT
    assert f"Set(__{names.Variable.DIALLED}=+493012345)" in PLAN_TEXT


def test_user_events_are_the_same_on_both_sides() -> None:
    raised = {s.arguments.split(",")[0] for _, _, s in steps() if s.application == "UserEvent"}

    assert raised == set(names.UserEvent)


def test_script_arguments_stand_in_order() -> None:
    (call,) = (s.arguments for _, _, s in steps() if s.application == "AGI")

    url, *arguments = call.split(",")

    assert url == "agi://${AGI_ADDRESS}/${EXTEN:4}"
    assert arguments == ["${IVR_DID}", "${IVR_CODE}", "${TRIES}", "${IVR_MENU}"]
    assert [a.value for a in names.ScriptArgument] == [f"agi_arg_{n}" for n in range(1, 5)]


def test_sentences_of_the_dialplan_lie_among_the_rendered_sounds() -> None:
    played = {s.arguments for _, _, s in steps() if s.application == "Playback"}

    assert played == {f"/var/lib/queueback/sounds/{name}" for name in names.SYSTEM_SOUNDS}


# --- walking the dialplan -----------------------------------------------------------------------

HARMLESS = frozenset(
    {
        *("Answer", "Hangup", "Progress", "Wait", "WaitDigit"),
        *("Goto", "GotoIf", "Set"),
        *("MusicOnHold", "Playback", "Playtones", "StopPlaytones"),
        *("AGI", "ConfBridge", "ChanSpy", "UserEvent"),
    }
)


@dataclass(frozen=True)
class Spot:
    """One step of one extension."""

    context: str
    extension: str
    priority: int


def steps() -> Iterator[tuple[str, str, Step]]:
    for context, extensions in CONTEXTS.items():
        for extension, sequence in extensions.items():
            for step in sequence:
                yield context, extension, step


def find(extensions: Extensions, extension: str) -> str:
    """The extension or pattern of a context that serves a literal extension.

    Raises:
        KeyError: None does.
    """
    if extension in extensions:
        return extension
    for pattern in extensions:
        if pattern.startswith("_") and _regex(pattern).fullmatch(extension):
            return pattern
    raise KeyError(extension)


def _regex(pattern: str) -> re.Pattern[str]:
    """Asterisk's pattern language, as far as this dialplan uses it."""
    return re.compile("".join({"X": r"\d", ".": ".+"}.get(c, re.escape(c)) for c in pattern[1:]))


def spot_of(target: str, here: Spot) -> Spot:
    """Where ``[[context,]extension,]priority-or-label`` leads.

    Raises:
        KeyError, IndexError: To nowhere.
    """
    *rest, priority = target.split(",")
    extension = rest.pop() if rest else here.extension
    context = rest.pop() if rest else here.context
    extension = find(CONTEXTS[context], extension)
    sequence = CONTEXTS[context][extension]
    if priority.isdigit():
        index = int(priority) - 1
    else:
        (index,) = (i for i, step in enumerate(sequence) if step.label == priority)
    assert sequence[index]
    return Spot(context, extension, index)


def split_at(text: str, separator: str) -> tuple[str, str]:
    """Split at the last separator outside of ``${…}`` and ``$[…]``."""
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        depth += (text[index] in "]}") - (text[index] in "[{")
        if text[index] == separator and not depth:
            return text[:index], text[index + 1 :]
    return text, ""


def following(spot: Spot) -> set[Spot]:
    """Every spot that may come next."""
    step = CONTEXTS[spot.context][spot.extension][spot.priority]
    if step.application == "Hangup":
        return set()
    if step.application == "Goto" and step.arguments == "places,${IVR_NEXT},1":
        return entries("places")
    if step.application == "Goto":
        return {spot_of(step.arguments, spot)}
    after = Spot(spot.context, spot.extension, spot.priority + 1)
    assert len(CONTEXTS[spot.context][spot.extension]) > after.priority, f"{spot} ends"
    if step.application == "GotoIf":
        _, target = split_at(step.arguments, "?")
        assert target
        return {after, spot_of(target, spot)}
    return {after}


def reachable(starts: set[Spot]) -> set[Spot]:
    seen: set[Spot] = set()
    open_spots = set(starts)
    while open_spots:
        spot = open_spots.pop()
        seen.add(spot)
        open_spots |= following(spot) - seen
    return seen


def entries(context: str) -> set[Spot]:
    return {Spot(context, extension, 0) for extension in CONTEXTS[context]}


@pytest.mark.parametrize("context", ["inbound", "agents"])
def test_no_path_leads_from_outside_to_a_line(context: str) -> None:
    walked = reachable(entries(context))

    assert {spot.context for spot in walked} == {context, "places"}
    for spot in walked:
        step = CONTEXTS[spot.context][spot.extension][spot.priority]
        assert step.application in HARMLESS, spot
        assert not re.search(r"PJSIP|Local/|SHELL|SYSTEM|EVAL|Dial", step.arguments), spot


def test_a_walk_that_met_a_dial_would_fail() -> None:
    CONTEXTS["inbound"]["_evil"] = [Step("Dial", "PJSIP/1@carrier", None), Step("Hangup", "", None)]
    try:
        with pytest.raises(AssertionError):
            test_no_path_leads_from_outside_to_a_line("inbound")
    finally:
        del CONTEXTS["inbound"]["_evil"]


def test_no_step_anywhere_dials_or_leaves_the_switch() -> None:
    assert {step.application for _, _, step in steps()} <= HARMLESS


def test_every_place_goes_on_at_steps_that_exist() -> None:
    walked = reachable(entries("places"))

    assert {spot.extension for spot in walked} == CONTEXTS["places"].keys()


def test_every_place_that_may_end_by_itself_ends_in_a_hang_up_or_lost() -> None:
    for name in names.FIXED_PLACES - {names.BYE, names.GOODBYE, names.REORDER}:
        ends = {spot.extension for spot in reachable({Spot("places", name, 0)})}
        assert ends & {"goodbye"}, name


def test_outsiders_dial_numbers_and_agents_dial_codes_and_nothing_else() -> None:
    assert CONTEXTS["inbound"].keys() == {"+493012345", "03012345"}
    assert CONTEXTS["agents"].keys() == {"_*X", "_*XX", "_*XXX"}
    assert CONTEXTS["nowhere"] == {}


def test_no_pattern_takes_everything() -> None:
    patterns = {e for extensions in CONTEXTS.values() for e in extensions if e.startswith("_")}

    assert all(re.match(r"_(\*|[a-z]+-)", pattern) for pattern in patterns)


def test_dashed_patterns_hold_no_letter_that_stands_for_digits() -> None:
    for pattern in ("_room-.", "_sorry-.", "_recall-.", "_agi-."):
        assert pattern in CONTEXTS["places"]
        assert not set(pattern.lower()) & set("xzn")


def test_contexts_include_nothing_and_switch_nowhere() -> None:
    assert not re.search(r"^\s*(include|switch|lswitch|eswitch|ignorepat)\b", PLAN_TEXT, re.M)


# --- the rest of the configuration --------------------------------------------------------------


def test_modules_are_listed_one_by_one_without_dangerous_ones() -> None:
    modules = section("modules", of="modules.conf")
    loaded = modules.all("load")

    assert modules.one("autoload") == "no"
    assert len(loaded) == len(set(loaded))
    assert loaded.index("res_speech.so") < loaded.index("res_agi.so")
    assert not set(loaded) & {
        "app_dial.so",
        "app_originate.so",
        "app_system.so",
        "app_externalivr.so",
        "func_shell.so",
        "func_env.so",
        "func_curl.so",
        "pbx_lua.so",
        "pbx_spool.so",
        "res_pjsip_endpoint_identifier_anonymous.so",
        "res_phoneprov.so",
        "res_http_websocket.so",
        "chan_iax2.so",
    }


def test_asterisk_lives_safely() -> None:
    options = section("options", of="asterisk.conf")

    assert options.one("live_dangerously") == "no"
    assert options.one("disable_remote_console_shell") == "yes"


def test_the_log_holds_no_notices_since_they_carry_numbers() -> None:
    assert section("logfiles", of="logger.conf").settings == [("console", "warning,error")]


def test_rooms_are_silent_in_themselves_and_pass_keys_on() -> None:
    party = section("party", of="confbridge.conf")
    (room,) = (s.arguments for _, _, s in steps() if s.application == "ConfBridge")

    assert room == f"${{EXTEN:5}},conversation,party,${{{names.Variable.MENU}}}"
    assert section("conversation", of="confbridge.conf").one("type") == "bridge"
    assert party.one("music_on_hold_when_empty") == "no"
    assert party.one("quiet") == "yes"
    assert party.one("dtmf_passthrough") == "yes"


def test_every_code_of_an_agents_menu_runs_its_own_extension_and_comes_back() -> None:
    menu = section(names.Context.CODES, of="confbridge.conf")
    codes = [code for code, _ in menu.settings if code.startswith("*")]

    assert {f"*{digit}" for digit in "012345689"} | {f"*7{d}" for d in range(10)} == set(codes)
    for code in codes:
        assert menu.one(code) == f"dialplan_exec({names.Context.CODES},{code},1)"
        last = CONTEXTS[names.Context.CODES][find(CONTEXTS[names.Context.CODES], code)][-1]
        assert last.application == "UserEvent", "the end of an extension is the way back"
    for code in Settings(_env_file=None).codes.model_dump().values():
        assert code in codes


def test_tones_that_the_dialplan_plays_are_defined() -> None:
    country = section("general", of="indications.conf").one("country")
    tones = section(country, of="indications.conf")

    for _, _, step in steps():
        if step.application == "Playtones":
            assert tones.one(step.arguments)


def test_no_static_file_holds_what_differs_between_sites() -> None:
    for file in CONF.glob("*.conf"):
        text = "\n".join(lines(file.read_text()))
        assert not re.search(r"secret|password|bindaddr|\d+\.\d+\.\d+\.\d+", text), file.name


def test_every_generated_file_is_included_by_its_static_half() -> None:
    for name in GENERATED:
        assert f'#include "/var/lib/queueback/conf/{name}"' in (CONF / name).read_text()
