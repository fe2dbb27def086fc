"""From settings and site to what the switch is given to read."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from ivr.domain.ids import E164, Endpoint
from ivr.domain.phone_number import NumberFormat, in_format
from ivr.domain.site import Site
from ivr.ports.provisioning import (
    AgentPhone,
    CallerAccount,
    InboundNumber,
    ManagerUser,
    PbxPlan,
    Registration,
    Trunk,
)
from ivr.settings import SECRET_BYTES, BadSettings, Settings

PHONES_FILE = "phones.json"
CONTROL_USER = "ivr"
PROVISION_USER = "provision"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A SIP account that somebody logs in with."""

    kind: str
    name: str
    endpoint: str
    secret: SecretStr
    number: str | None
    server: str


def phones_of(settings: Settings, site: Site) -> list[Phone]:
    """Every account of the site; a secret is made for each that has none yet."""
    inside = [(agent.name, agent.endpoint) for agent in site.agents if agent.endpoint]
    endpoints = [endpoint for _, endpoint in inside] + [c.endpoint for c in site.callers]
    kept = _phone_secrets(settings.state_dir / PHONES_FILE, endpoints)
    pbx = settings.pbx
    everywhere = pbx.sip_address in ("0.0.0.0", "::")  # noqa: S104  shown to people, not bound
    server = f"{pbx.media_address if everywhere else pbx.sip_address}:{pbx.sip_port}"
    agents = [("agent", name, endpoint, None) for name, endpoint in inside]
    callers = [("caller", c.name, c.endpoint, c.number) for c in site.callers]
    return [
        Phone(
            kind=kind,
            name=name,
            endpoint=endpoint,
            secret=SecretStr(kept[endpoint]),
            number=number,
            server=server,
        )
        for kind, name, endpoint, number in (*agents, *callers)
    ]


def _phone_secrets(path: Path, endpoints: Iterable[str]) -> Mapping[str, str]:
    kept: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    new = {e: secrets.token_hex(SECRET_BYTES) for e in endpoints if e not in kept}
    if new:
        kept |= new
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=2)
        Path(temporary).replace(path)
    return kept


def plan_of(settings: Settings, site: Site | None) -> PbxPlan:
    """What is to be set up on the switch; without a site, nothing but the way in.

    Raises:
        BadSettings: A trunk registers and its password is missing.
    """
    control, provision = settings.ami.secret, settings.ami.provision_secret
    if control is None or provision is None:
        message = "the secrets of the manager interface are missing"
        raise BadSettings(message)
    pbx = settings.pbx
    phones = phones_of(settings, site) if site else []
    return PbxPlan(
        sip_address=pbx.sip_address,
        sip_port=pbx.sip_port,
        media_address=pbx.media_address,
        bind_media=pbx.media_address == pbx.sip_address,
        ami_address=pbx.ami_address,
        ami_port=settings.ami.port,
        ami_permit=pbx.ami_permit,
        control_user=ManagerUser(name=CONTROL_USER, secret=control.get_secret_value()),
        provision_user=ManagerUser(name=PROVISION_USER, secret=provision.get_secret_value()),
        agi_address=settings.agi.advertised_host,
        agi_port=settings.agi.port,
        rtp_first_port=pbx.rtp_first_port,
        rtp_last_port=pbx.rtp_last_port,
        music_directory=pbx.music_directory,
        qualify_seconds=pbx.qualify_seconds,
        rtp_timeout_seconds=pbx.rtp_timeout_seconds,
        numbers=tuple(_number(n.number, site.country) for n in site.numbers) if site else (),
        agents=tuple(
            AgentPhone(
                endpoint=Endpoint(p.endpoint),
                secret=p.secret.get_secret_value(),
                display_name=p.name,
            )
            for p in phones
            if p.kind == "agent"
        ),
        callers=tuple(
            CallerAccount(
                endpoint=c.endpoint,
                secret=next(
                    p for p in phones if p.endpoint == c.endpoint
                ).secret.get_secret_value(),
                number=c.number,
            )
            for c in (site.callers if site else ())
        ),
        trunks=tuple(
            Trunk(
                name=trunk_endpoint(t.id),
                host=t.host,
                port=t.port,
                addresses=t.identify,
                registration=_registration(settings, t.id, t.username),
            )
            for t in (site.trunks if site else ())
        ),
    )


def trunk_endpoint(trunk_id: str) -> Endpoint:
    """The trunk's name on the switch."""
    return Endpoint(f"trunk-{trunk_id}")


def _number(number: E164, country: str) -> InboundNumber:
    spellings = {in_format(number, form, country) for form in NumberFormat}
    return InboundNumber(number=number, spellings=tuple(sorted(spellings)))


def _registration(settings: Settings, trunk_id: str, username: str | None) -> Registration | None:
    if username is None:
        return None
    secret = settings.trunk_secrets.get(trunk_id)
    if secret is None:
        message = f"trunk {trunk_id!r} registers: set IVR_TRUNK_SECRETS to its password"
        raise BadSettings(message)
    return Registration(username=username, secret=secret.get_secret_value())
