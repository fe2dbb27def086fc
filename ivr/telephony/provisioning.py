"""The generated half of Asterisk's configuration: the files that ``asterisk-conf/`` includes.

Every value passes a check of ``config_value``, and a plan with a value that Asterisk's files cannot
carry is refused whole. What is the same at every site stands in ``asterisk-conf/``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ivr.ports.provisioning import (
    AgentPhone,
    CallerAccount,
    Codec,
    InboundNumber,
    PbxPlan,
    Registration,
    Trunk,
)
from ivr.telephony import config_value as check
from ivr.telephony.dialplan import Context, Script, Variable, agi

RELOADED_BY: Final[Mapping[str, str]] = {
    "pjsip.conf": "res_pjsip.so",
    "extensions.conf": "pbx_config.so",
    "musiconhold.conf": "res_musiconhold.so",
    "manager.conf": "manager",
    "rtp.conf": "res_rtp_asterisk.so",
}
"""The module that AMI's ``Reload`` names to make a generated file count.

Transports keep their address, and ``manager`` its port, until Asterisk restarts.
"""

IMAGE_MUSIC: Final = "/usr/share/asterisk/moh-ulaw"

READ_CLASSES: Final = "system,call,user,originate"
WRITE_CLASSES: Final = "call,originate,reporting"
EVENTS: Final = (
    "FullyBooted",
    "OriginateResponse",
    "Hangup",
    "DialBegin",
    "DialState",
    "DialEnd",
    "UserEvent",
    "ConfbridgeJoin",
    "ConfbridgeLeave",
    "Hold",
    "Unhold",
    "BlindTransfer",
    "AttendedTransfer",
    "ContactStatus",
)
"""What the controller hears; unfiltered events would cost it twice its own work per call.

``DialState`` tells that a called phone rings, by 180 or by 183 with early media; ``Newstate`` would
tell of 180 alone, and of every inbound call besides. ``DialBegin`` and ``DialEnd`` tell of
redirects.
"""

_CALLER_QUALIFY_SECONDS: Final = 30
_QUALIFY_TIMEOUT_SECONDS: Final = 2

Settings = Iterable[tuple[str, object]]


def render(plan: PbxPlan) -> Mapping[str, str]:
    """The text of every generated file, by file name.

    Raises:
        UnsafePlan: A value cannot stand in Asterisk's files.
    """
    return {
        "pjsip.conf": _pjsip(plan),
        "extensions.conf": _extensions(plan),
        "manager.conf": _manager(plan),
        "rtp.conf": _rtp(plan),
        "musiconhold.conf": _music(plan),
    }


class ConfigFolder:
    """The folder of generated files, as the PBX mounts it; implements ``Provisioner``.

    Files are readable by every user, so that Asterisk's user in its container may read them; the
    state directory above is the owner's alone (0700), which keeps everybody else out.

    Args:
        folder: ``conf`` inside the directory that is mounted at ``/var/lib/queueback``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def render(self, plan: PbxPlan) -> Mapping[str, str]:
        """The text of every generated file, by file name; see ``Provisioner``."""
        return render(plan)

    def write(self, plan: PbxPlan) -> frozenset[str]:
        """Replace each file that differs, and say which did; see ``Provisioner``."""
        texts = render(plan)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o755)
        return frozenset(name for name, text in texts.items() if self._replace(name, text))

    def _replace(self, name: str, text: str) -> bool:
        path = self._folder / name
        content = text.encode()
        if path.exists() and path.read_bytes() == content:
            return False
        handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return True


# --- files --------------------------------------------------------------------------------------


def _pjsip(plan: PbxPlan) -> str:
    qualify = check.number("qualify_seconds", plan.qualify_seconds, 2, 10)
    names = [
        *(check.section_name("agent", a.endpoint) for a in plan.agents),
        *(check.section_name("caller", c.endpoint) for c in plan.callers),
        *(check.section_name("trunk", t.name) for t in plan.trunks),
    ]
    check.refuse_twins("endpoint", (name.casefold() for name in names))
    address = check.address("sip_address", plan.sip_address)
    port = check.port("sip_port", plan.sip_port)
    transport = _section(
        "udp", [("type", "transport"), ("protocol", "udp"), ("bind", f"{address}:{port}")]
    )
    return "\n".join(
        [
            transport,
            *(_agent(a, plan, qualify) for a in plan.agents),
            *(_caller(c, plan) for c in plan.callers),
            *(_trunk(t, plan) for t in plan.trunks),
        ]
    )


def _endpoint(plan: PbxPlan, context: Context, codecs: Iterable[Codec]) -> Settings:
    """What every endpoint has in common.

    ``send_connected_line``: otherwise a re-INVITE follows each answer. ``allow_overlap``: a number
    that another one begins with is refused like any unknown one. ``FORWARD_CONTEXT``: a redirect
    by the far end (302) is never followed.
    """
    return [
        ("type", "endpoint"),
        ("transport", "udp"),
        ("context", context),
        ("disallow", "all"),
        ("allow", ",".join(codec.value for codec in codecs)),
        ("direct_media", "no"),
        ("rtp_symmetric", "yes"),
        ("force_rport", "yes"),
        ("media_address", check.address("media_address", plan.media_address)),
        ("bind_rtp_to_media_address", "yes" if plan.bind_media else "no"),
        ("send_connected_line", "no"),
        ("send_pai", "yes"),
        ("trust_id_outbound", "yes"),
        ("allow_overlap", "no"),
        ("set_var", f"FORWARD_CONTEXT={Context.NOWHERE}"),
    ]


_PHONE_CODECS: Final = (Codec.ULAW, Codec.ALAW)


def _agent(agent: AgentPhone, plan: PbxPlan, qualify: str) -> str:
    name = check.section_name("agent", agent.endpoint)
    shown = check.display_name(f"agent {name}: display_name", agent.display_name)
    endpoint = [
        *_endpoint(plan, Context.AGENTS, _PHONE_CODECS),
        ("dtmf_mode", "rfc4733"),
        ("rewrite_contact", "yes"),
        ("identify_by", "auth_username,username"),
        ("auth", name),
        ("aors", name),
        ("callerid", f'"{shown}" <{name}>'),
        ("trust_id_inbound", "no"),
        ("allow_transfer", "yes"),
        ("device_state_busy_at", "1"),
        ("rtp_timeout", check.number("rtp_timeout_seconds", plan.rtp_timeout_seconds, 2, 300)),
    ]
    return "\n".join(
        [
            _section(name, endpoint),
            _login(name, agent.secret),
            _registered_contact(name, qualify),
        ]
    )


def _caller(caller: CallerAccount, plan: PbxPlan) -> str:
    name = check.section_name("caller", caller.endpoint)
    endpoint = [
        *_endpoint(plan, Context.INBOUND, _PHONE_CODECS),
        ("dtmf_mode", "rfc4733"),
        ("rewrite_contact", "yes"),
        ("identify_by", "auth_username,username"),
        ("auth", name),
        ("aors", name),
        ("callerid", f"<{check.e164(f'caller {name}: number', caller.number)}>"),
        ("trust_id_inbound", "no"),
        ("allow_transfer", "no"),
    ]
    return "\n".join(
        [
            _section(name, endpoint),
            _login(name, caller.secret),
            _registered_contact(name, str(_CALLER_QUALIFY_SECONDS)),
        ]
    )


def _trunk(trunk: Trunk, plan: PbxPlan) -> str:
    name = check.section_name("trunk", trunk.name)
    where = f"trunk {name}"
    uri = f"{check.host(f'{where}: host', trunk.host)}:{check.port(f'{where}: port', trunk.port)}"
    if not trunk.codecs:
        raise check.unsafe(f"{where}: codecs", "at least one is needed")
    if not trunk.addresses and trunk.registration is None:
        raise check.unsafe(
            f"{where}: addresses", "without a registration, calls are known by address"
        )
    endpoint = [
        *_endpoint(plan, Context.INBOUND, trunk.codecs),
        ("dtmf_mode", trunk.key_tones.value),
        ("identify_by", "ip"),
        ("aors", name),
        ("trust_id_inbound", "yes"),
        ("allow_transfer", "no"),
    ]
    sections = [_section(name, [("type", "aor"), ("contact", f"sip:{uri}")])]
    if trunk.addresses:
        matches = [("match", check.network(f"{where}: addresses", a)) for a in trunk.addresses]
        sections.append(_section(name, [("type", "identify"), ("endpoint", name), *matches]))
    if trunk.registration is not None:
        endpoint += [("outbound_auth", name), ("from_domain", trunk.host)]
        sections.append(_registration(name, trunk.registration, uri))
    return "\n".join([_section(name, endpoint), *sections])


def _registration(name: str, registration: Registration, uri: str) -> str:
    where = f"trunk {name}: registration"
    user = check.sip_user(f"{where}.username", registration.username)
    called_as = user
    if registration.called_as is not None:
        called_as = check.spelling(f"{where}.called_as", registration.called_as)
    login = [
        ("type", "auth"),
        ("auth_type", "digest"),
        ("username", user),
        ("password", check.secret(f"{where}.secret", registration.secret)),
    ]
    settings = [
        ("type", "registration"),
        ("transport", "udp"),
        ("server_uri", f"sip:{uri}"),
        ("client_uri", f"sip:{user}@{uri}"),
        ("contact_user", called_as),
        ("outbound_auth", name),
        ("endpoint", name),
        ("line", "yes"),
        ("expiration", 300),
        ("retry_interval", 30),
        ("forbidden_retry_interval", 300),
        ("max_retries", 1_000_000),
        ("auth_rejection_permanent", "no"),
    ]
    return "\n".join([_section(name, login), _section(name, settings)])


def _login(name: str, secret: str) -> str:
    settings = [
        ("type", "auth"),
        ("auth_type", "digest"),
        ("username", name),
        ("password", check.secret(f"{name}: secret", secret)),
    ]
    return _section(name, settings)


def _registered_contact(name: str, qualify: str) -> str:
    settings = [
        ("type", "aor"),
        ("max_contacts", 1),
        ("remove_existing", "yes"),
        ("qualify_frequency", qualify),
        ("qualify_timeout", _QUALIFY_TIMEOUT_SECONDS),
    ]
    return _section(name, settings)


def _extensions(plan: PbxPlan) -> str:
    agi_address = check.host("agi_address", plan.agi_address)
    agi_port = check.port("agi_port", plan.agi_port)
    check.refuse_twins("number", (n.number for n in plan.numbers))
    check.refuse_twins("spelling", (s for n in plan.numbers for s in n.spellings))
    numbers = "".join(_inbound_number(n) for n in plan.numbers)
    return (
        f"[globals](+)\nAGI_ADDRESS = {agi_address}:{agi_port}\n\n[{Context.INBOUND}](+)\n{numbers}"
    )


def _inbound_number(number: InboundNumber) -> str:
    e164 = check.e164("number", number.number)
    spellings = [check.spelling(f"number {e164}: spellings", s) for s in number.spellings]
    return "".join(
        f"exten => {spelling},1,Set(__{Variable.DIALLED}={e164})\n"
        f" same => n,Goto({Context.PLACES},{agi(Script.INBOUND)},1)\n"
        for spelling in spellings
    )


def _manager(plan: PbxPlan) -> str:
    users = (plan.control_user, plan.provision_user)
    names = [check.section_name("manager user", user.name).casefold() for user in users]
    check.refuse_twins("manager user", ["general", *names])
    general = [
        ("bindaddr", check.address("ami_address", plan.ami_address)),
        ("port", check.port("ami_port", plan.ami_port)),
    ]
    permits = [("permit", check.network("ami_permit", p)) for p in plan.ami_permit]
    access = [("deny", "0.0.0.0/0.0.0.0"), *permits, ("writetimeout", 1000)]
    control, provision = (
        [("secret", check.secret(f"manager user {u.name}: secret", u.secret)), *access]
        for u in users
    )
    filters = [(f"eventfilter(action(include),name({event}))", "") for event in EVENTS]
    return "\n".join(
        [
            _section("general", general, more=True),
            _section(
                plan.control_user.name,
                [*control, ("read", READ_CLASSES), ("write", WRITE_CLASSES), *filters],
            ),
            _section(plan.provision_user.name, [*provision, ("read", ""), ("write", "config")]),
        ]
    )


def _rtp(plan: PbxPlan) -> str:
    first = check.port("rtp_first_port", plan.rtp_first_port)
    last = check.port("rtp_last_port", plan.rtp_last_port)
    if plan.rtp_first_port % 2 or plan.rtp_last_port < plan.rtp_first_port + 3:
        raise check.unsafe("rtp ports", "the first must be even and the range hold two legs")
    return _section("general", [("rtpstart", first), ("rtpend", last)], more=True)


def _music(plan: PbxPlan) -> str:
    folder = IMAGE_MUSIC if plan.music_directory is None else plan.music_directory
    return _section("default", [("directory", check.path("music_directory", folder))], more=True)


def _section(name: str, settings: Settings, *, more: bool = False) -> str:
    """One section; ``more`` adds to one that the static file begins."""
    lines = "".join(f"{key} = {value}\n" for key, value in settings)
    return f"[{name}]{'(+)' if more else ''}\n{lines}"
