from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.ids import E164, Endpoint
from ivr.ports.provisioning import (
    AgentPhone,
    CallerAccount,
    Codec,
    InboundNumber,
    KeyTones,
    ManagerUser,
    PbxPlan,
    Provisioner,
    Registration,
    Trunk,
    UnsafePlan,
)
from ivr.telephony.provisioning import RELOADED_BY, ConfigFolder, render
from tests.asterisk_config import Section, lines, parse

pytestmark = pytest.mark.unit

NUMBER = InboundNumber(number=E164("+493012345"), spellings=("+493012345", "493012345", "03012345"))
AGENT = AgentPhone(endpoint=Endpoint("anna"), secret="anna-secret-1", display_name="Anna Müller")
CALLER = CallerAccount(
    endpoint=Endpoint("carla"), secret="carla-secret-1", number=E164("+4917012345")
)
BY_ADDRESS = Trunk(name="carrier", host="127.0.0.21", port=5070, addresses=("127.0.0.21",))
BY_LOGIN = Trunk(
    name="provider",
    host="sip.example.net",
    registration=Registration(username="t4711", secret='p"w#[x]d'),
)
PLAN = PbxPlan(
    control_user=ManagerUser(name="ivr", secret="control-secret"),
    provision_user=ManagerUser(name="provision", secret="provision-secret"),
    numbers=(NUMBER,),
    agents=(AGENT,),
    callers=(CALLER,),
    trunks=(BY_ADDRESS, BY_LOGIN),
)


Record = TypeVar(
    "Record", PbxPlan, AgentPhone, CallerAccount, Trunk, Registration, InboundNumber, ManagerUser
)


def replace(record: Record, **fields: Any) -> Record:
    return dataclasses.replace(record, **fields)


def sections(plan: PbxPlan, file: str) -> dict[tuple[str, str], Section]:
    """Sections of a generated file by name and type; a pair that stands twice is a failure."""
    found: dict[tuple[str, str], Section] = {}
    for section in parse(render(plan)[file]):
        key = (section.name, next(iter(section.all("type")), ""))
        assert key not in found
        found[key] = section
    return found


def test_every_generated_file_can_be_reloaded() -> None:
    assert render(PLAN).keys() == RELOADED_BY.keys()


def test_a_number_has_one_exact_extension_per_spelling() -> None:
    (_, inbound) = parse(render(PLAN)["extensions.conf"])

    assert inbound.name == "inbound"
    assert inbound.settings == [
        line
        for spelling in NUMBER.spellings
        for line in (
            ("exten", f"{spelling},1,Set(__IVR_DID=+493012345)"),
            ("same", "n,Goto(places,agi-inbound,1)"),
        )
    ]


def test_the_controller_is_found_at_its_address() -> None:
    plan = replace(PLAN, agi_address="controller", agi_port=4574)

    (variables, _) = parse(render(plan)["extensions.conf"])

    assert variables.settings == [("AGI_ADDRESS", "controller:4574")]


def test_phones_log_in_with_their_own_secret_and_reach_their_own_context() -> None:
    found = sections(PLAN, "pjsip.conf")

    for account, context in ((AGENT, "agents"), (CALLER, "inbound")):
        name = account.endpoint
        endpoint, login = found[name, "endpoint"], found[name, "auth"]
        assert endpoint.one("context") == context
        assert endpoint.one("auth") == name
        assert endpoint.one("identify_by") == "auth_username,username"
        assert (login.one("username"), login.one("password")) == (name, account.secret)
        assert found[name, "aor"].one("max_contacts") == "1"
        assert found[name, "aor"].one("remove_existing") == "yes"


def test_a_caller_account_always_shows_its_own_number() -> None:
    caller = sections(PLAN, "pjsip.conf")["carla", "endpoint"]

    assert caller.one("callerid") == "<+4917012345>"
    assert caller.one("trust_id_inbound") == "no"
    assert caller.one("allow_transfer") == "no"


def test_an_agent_shows_name_and_endpoint_and_is_asked_often_whether_it_is_there() -> None:
    found = sections(replace(PLAN, qualify_seconds=3, rtp_timeout_seconds=20), "pjsip.conf")

    assert found["anna", "endpoint"].one("callerid") == '"Anna Müller" <anna>'
    assert found["anna", "aor"].one("qualify_frequency") == "3"
    assert found["anna", "endpoint"].one("rtp_timeout") == "20"


def test_a_trunk_by_address_is_known_by_its_address_only() -> None:
    found = sections(PLAN, "pjsip.conf")

    assert found["carrier", "endpoint"].one("identify_by") == "ip"
    assert found["carrier", "identify"].all("match") == ["127.0.0.21/32"]
    assert found["carrier", "aor"].one("contact") == "sip:127.0.0.21:5070"
    assert ("carrier", "auth") not in found
    assert ("carrier", "registration") not in found


def test_a_trunk_by_registration_logs_in_and_is_known_by_its_registration() -> None:
    found = sections(PLAN, "pjsip.conf")

    registration = found["provider", "registration"]
    assert registration.one("server_uri") == "sip:sip.example.net:5060"
    assert registration.one("client_uri") == "sip:t4711@sip.example.net:5060"
    assert registration.one("contact_user") == "t4711"
    assert (registration.one("line"), registration.one("endpoint")) == ("yes", "provider")
    assert found["provider", "auth"].one("password") == 'p"w#[x]d'
    assert found["provider", "endpoint"].one("outbound_auth") == "provider"
    assert ("provider", "identify") not in found


def test_a_provider_that_rings_the_registration_reaches_a_number() -> None:
    trunk = replace(
        BY_LOGIN, registration=Registration(username="t1", secret="x" * 8, called_as="493012345")
    )

    registration = sections(replace(PLAN, trunks=(trunk,)), "pjsip.conf")[
        "provider", "registration"
    ]

    assert registration.one("contact_user") == "493012345"


def test_codecs_and_key_tones_of_a_trunk_are_its_own() -> None:
    trunk = replace(BY_ADDRESS, codecs=(Codec.ALAW,), key_tones=KeyTones.INFO)

    endpoint = sections(replace(PLAN, trunks=(trunk,)), "pjsip.conf")["carrier", "endpoint"]

    assert (endpoint.one("disallow"), endpoint.one("allow")) == ("all", "alaw")
    assert endpoint.one("dtmf_mode") == "info"


def test_only_trunks_are_believed_and_only_agents_may_transfer() -> None:
    endpoints = [s for (_, kind), s in sections(PLAN, "pjsip.conf").items() if kind == "endpoint"]

    assert {e.name: e.one("trust_id_inbound") for e in endpoints} == {
        "anna": "no",
        "carla": "no",
        "carrier": "yes",
        "provider": "yes",
    }
    assert [e.name for e in endpoints if e.one("allow_transfer") == "yes"] == ["anna"]


def test_every_endpoint_keeps_media_here_and_follows_no_redirect() -> None:
    endpoints = [s for (_, kind), s in sections(PLAN, "pjsip.conf").items() if kind == "endpoint"]

    for endpoint in endpoints:
        assert endpoint.one("direct_media") == "no"
        assert endpoint.one("send_connected_line") == "no"
        assert endpoint.one("allow_overlap") == "no"
        assert endpoint.one("set_var") == "FORWARD_CONTEXT=nowhere"
        assert endpoint.one("media_address") == "127.0.0.1"


def test_the_manager_lets_two_users_in_from_loopback_only() -> None:
    found = {name: section for (name, _), section in sections(PLAN, "manager.conf").items()}

    assert found.keys() == {"general", "ivr", "provision"}
    assert found["general"].one("bindaddr") == "127.0.0.1"
    for name in ("ivr", "provision"):
        assert found[name].one("deny") == "0.0.0.0/0.0.0.0"
        assert found[name].all("permit") == ["127.0.0.1/32"]
    assert (found["provision"].one("read"), found["provision"].one("write")) == ("", "config")
    assert not {"command", "system", "config", "all"} & set(found["ivr"].one("write").split(","))


def test_ranges_ports_and_music_come_from_the_plan() -> None:
    plan = replace(
        PLAN,
        sip_address="127.0.0.9",
        sip_port=5080,
        rtp_first_port=20000,
        rtp_last_port=20099,
        music_directory="/var/lib/queueback/music",
    )

    assert sections(plan, "pjsip.conf")["udp", "transport"].one("bind") == "127.0.0.9:5080"
    assert sections(plan, "rtp.conf")["general", ""].settings == [
        ("rtpstart", "20000"),
        ("rtpend", "20099"),
    ]
    music = sections(plan, "musiconhold.conf")["default", ""]
    assert music.one("directory") == "/var/lib/queueback/music"


# --- refusals -----------------------------------------------------------------------------------

MISREAD = (
    "x\nexten => _X.,1,Dial(PJSIP/${EXTEN}@carrier)",
    "x\r[evil]",
    "x\0",
    "x;comment",
    'x" <1> ',
    "x\\",
    ">x",
    "x\u2028y",
    "",
)
# Harmless in a secret, which begins no line and is never evaluated.
MISREAD_IN_NAMES = ("x]", "#exec", "${SHELL(id)}", "x<y>", 'x"')


def with_secret(text: str) -> list[PbxPlan]:
    """For each secret of a plan, the plan with that text for it."""
    login = Registration(username="t4711", secret=text)
    return [
        replace(PLAN, agents=(replace(AGENT, secret=text),)),
        replace(PLAN, callers=(replace(CALLER, secret=text),)),
        replace(PLAN, trunks=(replace(BY_LOGIN, registration=login),)),
        replace(PLAN, control_user=replace(PLAN.control_user, secret=text)),
        replace(PLAN, provision_user=replace(PLAN.provision_user, secret=text)),
    ]


def with_name(text: str) -> list[PbxPlan]:
    """For each other text of a plan, the plan with that text for it."""
    login = Registration(username="t4711", secret="secret-secret")
    top = ("sip_address", "media_address", "ami_address", "agi_address", "music_directory")
    return [
        *(replace(PLAN, **{field: text}) for field in top),
        replace(PLAN, ami_permit=(text,)),
        replace(PLAN, control_user=replace(PLAN.control_user, name=text)),
        replace(PLAN, provision_user=replace(PLAN.provision_user, name=text)),
        replace(PLAN, agents=(replace(AGENT, endpoint=text),)),
        replace(PLAN, agents=(replace(AGENT, display_name=text),)),
        replace(PLAN, callers=(replace(CALLER, endpoint=text),)),
        replace(PLAN, callers=(replace(CALLER, number=text),)),
        replace(PLAN, trunks=(replace(BY_ADDRESS, name=text),)),
        replace(PLAN, trunks=(replace(BY_ADDRESS, host=text),)),
        replace(PLAN, trunks=(replace(BY_ADDRESS, addresses=(text,)),)),
        replace(PLAN, trunks=(replace(BY_LOGIN, registration=replace(login, username=text)),)),
        replace(PLAN, trunks=(replace(BY_LOGIN, registration=replace(login, called_as=text)),)),
        replace(PLAN, numbers=(replace(NUMBER, number=text),)),
        replace(PLAN, numbers=(replace(NUMBER, spellings=(text,)),)),
    ]


def accepted(plans: list[PbxPlan]) -> list[int]:
    """Positions of the plans that are not refused."""
    positions = []
    for position, plan in enumerate(plans):
        try:
            render(plan)
        except UnsafePlan:
            continue
        positions.append(position)
    return positions


@pytest.mark.parametrize("text", MISREAD)
def test_a_text_that_asterisk_would_misread_is_refused_as_a_secret(text: str) -> None:
    assert accepted(with_secret(text)) == []


@pytest.mark.parametrize("text", [*MISREAD, *MISREAD_IN_NAMES])
def test_a_text_that_asterisk_would_misread_is_refused_as_a_name(text: str) -> None:
    assert accepted(with_name(text)) == []


def shape(plan: PbxPlan) -> dict[str, list[tuple[str, list[str]]]]:
    """Sections and their settings' names, in order, of every generated file."""
    return {
        file: [(s.name, [key for key, _ in s.settings]) for s in parse(text)]
        for file, text in render(plan).items()
    }


@given(st.text(min_size=1, max_size=30))
def test_no_text_adds_a_section_or_a_setting(text: str) -> None:
    secret_plan = replace(PLAN, agents=(replace(AGENT, secret=text),))
    named_plan = replace(PLAN, agents=(replace(AGENT, display_name=text),))
    login = Registration(username="t4711", secret=text)
    login_plan = replace(PLAN, trunks=(BY_ADDRESS, replace(BY_LOGIN, registration=login)))

    for plan in (secret_plan, named_plan, login_plan):
        try:
            render(plan)
        except UnsafePlan:
            continue
        assert shape(plan) == shape(PLAN)


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7F), min_size=8))
def test_an_accepted_secret_arrives_as_it_is(text: str) -> None:
    plan = replace(PLAN, agents=(replace(AGENT, secret=text),))
    try:
        found = sections(plan, "pjsip.conf")
    except UnsafePlan:
        return

    assert found["anna", "auth"].one("password") == text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"sip_port": 0}, "sip_port"),
        ({"ami_port": 65536}, "ami_port"),
        ({"agi_port": True}, "agi_port"),
        ({"qualify_seconds": 1}, "qualify_seconds"),
        ({"qualify_seconds": 11}, "qualify_seconds"),
        ({"rtp_timeout_seconds": 1}, "rtp_timeout_seconds"),
        ({"rtp_timeout_seconds": 301}, "rtp_timeout_seconds"),
        ({"rtp_first_port": 10001}, "rtp ports"),
        ({"rtp_last_port": 10001}, "rtp ports"),
        ({"sip_address": "::1"}, "sip_address"),
        ({"music_directory": "/var/../etc"}, "music_directory"),
        ({"agents": (AGENT, replace(AGENT, display_name="B"))}, "endpoint"),
        ({"callers": (replace(CALLER, endpoint="ANNA"),)}, "endpoint"),
        ({"agents": (replace(AGENT, endpoint="4917012345"),)}, "agent '4917012345'"),
        ({"numbers": (NUMBER, replace(NUMBER, number="+493099999"))}, "spelling"),
        ({"numbers": (replace(NUMBER, spellings=("_X.",)),)}, r"number \+493012345: spellings"),
        ({"trunks": (replace(BY_ADDRESS, addresses=()),)}, "trunk carrier: addresses"),
        ({"trunks": (replace(BY_ADDRESS, codecs=()),)}, "trunk carrier: codecs"),
        ({"provision_user": ManagerUser(name="general", secret="x" * 8)}, "manager user"),
        ({"provision_user": ManagerUser(name="ivr", secret="x" * 8)}, "manager user"),
    ],
)
def test_what_cannot_work_is_refused_with_the_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(UnsafePlan, match=f"^{field}: "):
        render(replace(PLAN, **change))


def test_a_refusal_does_not_tell_the_secret() -> None:
    with pytest.raises(UnsafePlan) as refusal:
        render(replace(PLAN, agents=(replace(AGENT, secret="hunter2;hunter2"),)))

    assert "hunter2" not in str(refusal.value)
    assert "anna-secret-1" not in repr(PLAN)


# --- files --------------------------------------------------------------------------------------


def test_writing_replaces_only_what_differs(tmp_path: Path) -> None:
    folder: Provisioner = ConfigFolder(tmp_path / "conf")

    assert folder.write(PLAN) == RELOADED_BY.keys()
    assert folder.write(PLAN) == frozenset()
    assert folder.write(replace(PLAN, agents=())) == {"pjsip.conf"}

    assert {p.name: p.read_text() for p in (tmp_path / "conf").iterdir()} == folder.render(
        replace(PLAN, agents=())
    )


def test_files_can_be_read_by_asterisks_user(tmp_path: Path) -> None:
    ConfigFolder(tmp_path / "conf").write(PLAN)

    assert stat.S_IMODE((tmp_path / "conf").stat().st_mode) == 0o755
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "conf").iterdir()} == {0o644}


def test_a_refused_plan_leaves_the_files_as_they_are(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path / "conf")
    folder.write(PLAN)
    before = (tmp_path / "conf" / "pjsip.conf").read_text()

    with pytest.raises(UnsafePlan):
        folder.write(replace(PLAN, agents=(), rtp_first_port=1))

    assert (tmp_path / "conf" / "pjsip.conf").read_text() == before


def test_no_generated_line_is_longer_than_asterisk_reads() -> None:
    assert max(len(line) for text in render(PLAN).values() for line in lines(text)) < 8192
