"""Every setting: environment variables ``IVR_*`` (nested with ``__``), a ``.env`` file, defaults.

Read by ``cli`` and ``bootstrap`` only; everybody else is handed plain values. Secrets have no
default: they are made on the first start and kept in ``secrets.env`` of the state directory, a
file that only its owner may read.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ivr.domain.errors import QueuebackError

SECRETS_FILE: Final = "secrets.env"
MADE_SECRETS: Final = ("IVR_AMI__SECRET", "IVR_AMI__PROVISION_SECRET", "IVR_API__TOKEN")
SECRET_BYTES: Final = 24
_PLACEHOLDERS: Final = frozenset({"changeme", "changethis", "secret", "password", "placeholder"})


class BadSettings(QueuebackError):
    """The settings or the files they live in cannot be used."""

    code = "bad_settings"


Port = Annotated[int, Field(ge=1, le=65535)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _not_placeholder(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and (
        secret.get_secret_value().lower() in _PLACEHOLDERS or len(secret.get_secret_value()) < 8
    ):
        message = "is a placeholder or shorter than 8 characters; leave it out to have one made"
        raise ValueError(message)
    return secret


class AmiSettings(_Part):
    """The switch's manager interface.

    Attributes:
        secret: Of the controller's own user.
        provision_secret: Of the user that may reload generated files, and nothing else.
    """

    host: str = "127.0.0.1"
    port: Port = 5038
    secret: SecretStr | None = None
    provision_secret: SecretStr | None = None

    _checked = field_validator("secret", "provision_secret")(_not_placeholder)


class AgiSettings(_Part):
    """Where the controller listens for legs, and how the switch finds it there.

    Attributes:
        advertised_host: Address of the controller as the switch sees it.
    """

    host: str = "127.0.0.1"
    port: Port = 4573
    advertised_host: str = "127.0.0.1"


class PbxSettings(_Part):
    """What the generated files of the switch say.

    Attributes:
        sip_address: Where the switch listens for SIP.
        media_address: The address phones are told to send media to.
        ami_permit: Addresses that may log in to the manager interface.
        music_directory: Folder of music files as the switch sees it; none = its own.
        qualify_seconds: How often agents' phones are asked whether they are there.
        rtp_timeout_seconds: A call ends when its agent's phone has sent no sound for so long.
    """

    sip_address: str = "127.0.0.1"
    sip_port: Port = 5060
    media_address: str = "127.0.0.1"
    ami_address: str = "127.0.0.1"
    ami_permit: tuple[str, ...] = ("127.0.0.1/32",)
    rtp_first_port: Port = 10000
    rtp_last_port: Port = 15999
    music_directory: str | None = None
    qualify_seconds: Annotated[int, Field(ge=2, le=10)] = 5
    rtp_timeout_seconds: Annotated[int, Field(ge=2, le=300)] = 30


class ApiSettings(_Part):
    """The HTTP interface of the controller."""

    host: str = "127.0.0.1"
    port: Port = 8080
    token: SecretStr | None = None

    _checked = field_validator("token")(_not_placeholder)


class LimitSettings(_Part):
    """Caps against runaway cost; none = no cap.

    Attributes:
        callbacks_per_number_daily: Callbacks of one number in 24 h.
        callbacks_per_minute: Callbacks created in a minute.
        dials_at_once: Customers and numbers being dialled or talking after a dial, at once.
        dials_per_minute: Dials begun in a minute.
        agi_at_once: Legs in the controller's hands at once.
    """

    callbacks_per_number_daily: int | None = 3
    callbacks_per_minute: int | None = 60
    dials_at_once: int | None = 100
    dials_per_minute: int | None = 120
    agi_at_once: int = 2000


InCallCode = Annotated[str, Field(pattern=r"^\*[0-689]$")]


class CodeSettings(_Part):
    """What an agent's phone keys in a call, a star and one digit but 7; *7X starts quick connects.

    Attributes:
        join: Have all three talk.
        hold_all: Put customer and destination on hold.
        swap: Talk with the one who is on hold.
        hold_customer: Talk with the destination alone.
        hold_destination: Talk with the customer alone.
        drop: Part from the destination, or give it up.
        leave: Leave customer and destination to each other.
    """

    join: InCallCode = "*1"
    hold_all: InCallCode = "*2"
    swap: InCallCode = "*3"
    hold_customer: InCallCode = "*4"
    hold_destination: InCallCode = "*5"
    drop: InCallCode = "*0"
    leave: InCallCode = "*9"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        codes = list(self.model_dump().values())
        if len(set(codes)) < len(codes):
            message = "two verbs have the same code"
            raise ValueError(message)
        return self


class Settings(BaseSettings):
    """All settings.

    Attributes:
        state_dir: Holds secrets, database, prompts and generated files; made 0700.
        database_url: None = an SQLite file in the state directory.
        trunk_secrets: Password of each trunk that registers, by its id.
        clock_rate: How many times faster than real the contact centre's clock runs; for
            demonstrations and tests.
        failpoint: ``NAME:kill`` ends the process at a named place in the code; for tests.
    """

    model_config = SettingsConfigDict(
        env_prefix="IVR_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    state_dir: Path = Path("state")
    database_url: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    ami: AmiSettings = AmiSettings()
    agi: AgiSettings = AgiSettings()
    pbx: PbxSettings = PbxSettings()
    api: ApiSettings = ApiSettings()
    limits: LimitSettings = LimitSettings()
    codes: CodeSettings = CodeSettings()
    trunk_secrets: dict[str, SecretStr] = Field(default_factory=dict)
    clock_rate: Annotated[float, Field(gt=0, le=100)] = 1.0
    failpoint: str | None = None

    @property
    def store_url(self) -> str:
        """The database."""
        return self.database_url or f"sqlite:///{self.state_dir.resolve()}/queueback.db"

    @property
    def pbx_dir(self) -> Path:
        """What the switch is given to read: ``conf``, ``sounds`` and ``music``."""
        return self.state_dir / "pbx"

    def all_secrets(self) -> tuple[str, ...]:
        """Every secret in clear, for the log to hide."""
        kept = (self.ami.secret, self.ami.provision_secret, self.api.token)
        values = [secret for secret in (*kept, *self.trunk_secrets.values()) if secret is not None]
        return tuple(secret.get_secret_value() for secret in values)


def load_settings() -> Settings:
    """Read the settings; on the first start, make the state directory and the secrets.

    Raises:
        BadSettings: A setting has no good value, a secret is a placeholder, or the file that holds
            the secrets can be read by others or cannot be used. Never carries a value.
    """
    settings = _checked_settings()
    state = settings.state_dir
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = state / SECRETS_FILE
        if not path.exists():
            _make_secrets(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            message = f"{path} can be read by others: run chmod 600 on it"
            raise BadSettings(message)
        kept = _read(path)
    except OSError as error:
        message = f"the state directory {state} cannot be used: {error.strerror}"
        raise BadSettings(message) from error
    return settings.model_copy(
        update={
            "ami": settings.ami.model_copy(
                update={
                    "secret": settings.ami.secret or kept["IVR_AMI__SECRET"],
                    "provision_secret": settings.ami.provision_secret
                    or kept["IVR_AMI__PROVISION_SECRET"],
                }
            ),
            "api": settings.api.model_copy(
                update={"token": settings.api.token or kept["IVR_API__TOKEN"]}
            ),
        }
    )


def _checked_settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        message = "\n".join(
            f"IVR_{'__'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in faults
        )
    except SettingsError as error:
        message = str(error)
    raise BadSettings(message)


def _make_secrets(path: Path) -> None:
    text = "".join(f"{name}={secrets.token_hex(SECRET_BYTES)}\n" for name in MADE_SECRETS)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _read(path: Path) -> dict[str, SecretStr]:
    pairs = (line.partition("=") for line in path.read_text("ascii").splitlines() if "=" in line)
    found = {name.strip(): SecretStr(value.strip()) for name, _, value in pairs}
    missing = [name for name in MADE_SECRETS if name not in found]
    if missing:
        message = f"{path} lacks {', '.join(missing)}: add them, or remove the file to make it anew"
        raise BadSettings(message)
    for name, secret in found.items():
        try:
            _not_placeholder(secret)
        except ValueError as error:
            message = f"{path}: {name} {error}"
            raise BadSettings(message) from None
    return found
