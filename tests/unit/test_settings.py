"""Settings come from the environment, secrets from a file of our own; bad ones stop the start."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ivr.settings import MADE_SECRETS, SECRETS_FILE, BadSettings, Settings, load_settings

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A first start in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("IVR_")]:
        monkeypatch.delenv(name)
    state = tmp_path / "state"
    monkeypatch.setenv("IVR_STATE_DIR", str(state))
    return state


def clear(settings: Settings) -> tuple[str, ...]:
    kept = (settings.ami.secret, settings.ami.provision_secret, settings.api.token)
    return tuple(secret.get_secret_value() for secret in kept if secret is not None)


def test_first_start_makes_secrets_that_only_the_owner_may_read(state: Path) -> None:
    settings = load_settings()

    assert len(set(clear(settings))) == len(MADE_SECRETS)
    assert min(map(len, clear(settings))) >= 24
    assert stat.S_IMODE((state / SECRETS_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_second_start_keeps_them() -> None:
    assert clear(load_settings()) == clear(load_settings())


def test_two_sites_never_share_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = clear(load_settings())
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path / "other"))

    assert not set(first) & set(clear(load_settings()))


def test_no_secret_has_a_default() -> None:
    assert clear(Settings()) == ()
    assert Settings().trunk_secrets == {}


def test_environment_is_read_with_prefix_and_nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_AMI__HOST", "127.0.0.9")
    monkeypatch.setenv("IVR_AMI__SECRET", "given-by-the-operator")
    monkeypatch.setenv("IVR_LIMITS__DIALS_AT_ONCE", "7")
    monkeypatch.setenv("IVR_TRUNK_SECRETS", '{"carrier": "of-the-carrier"}')
    monkeypatch.setenv("IVR_CLOCK_RATE", "5")

    settings = load_settings()

    assert settings.ami.host == "127.0.0.9"
    assert settings.limits.dials_at_once == 7
    assert settings.clock_rate == 5
    assert "given-by-the-operator" in settings.all_secrets()
    assert "of-the-carrier" in settings.all_secrets()
    assert len(settings.all_secrets()) == 4


@pytest.mark.parametrize(
    ("code", "why"),
    [("*1", "two verbs have the same code"), ("*7", "pattern"), ("12", "pattern")],
)
def test_a_code_is_a_star_and_a_digit_of_its_own(
    code: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_CODES__LEAVE", code)

    with pytest.raises(BadSettings, match=why):
        load_settings()


def test_dotenv_file_is_read_and_the_environment_beats_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("IVR_API__PORT=8181\nIVR_AMI__PORT=5039\nOTHER=1\n")
    monkeypatch.setenv("IVR_AMI__PORT", "5040")

    settings = load_settings()

    assert (settings.api.port, settings.ami.port) == (8181, 5040)


def test_everything_listens_on_loopback_unless_told() -> None:
    settings = Settings()

    hosts = {settings.ami.host, settings.agi.host, settings.api.host, settings.pbx.sip_address}
    assert hosts == {"127.0.0.1"}


def test_printing_settings_shows_no_secret() -> None:
    settings = load_settings()

    assert not any(secret in repr(settings) for secret in settings.all_secrets())


def test_database_is_a_file_of_the_state_directory_unless_told(
    monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    assert str(state) in load_settings().store_url
    monkeypatch.setenv("IVR_DATABASE_URL", "postgresql://db/queueback")
    assert load_settings().store_url == "postgresql://db/queueback"


def test_files_for_the_switch_lie_in_the_state_directory(state: Path) -> None:
    assert load_settings().pbx_dir == state / "pbx"


# --- what stops the start -------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["changeme", "ChangeThis", "secret", "short"])
def test_placeholder_secret_is_refused_by_name_and_not_repeated(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_AMI__SECRET", value)

    with pytest.raises(BadSettings, match=r"^IVR_AMI__SECRET: .*placeholder or shorter") as caught:
        load_settings()

    assert f"'{value}'" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_placeholder_in_the_secrets_file_is_refused(state: Path) -> None:
    load_settings()
    path = state / SECRETS_FILE
    path.write_text("".join(f"{name}=changeme\n" for name in MADE_SECRETS))

    with pytest.raises(BadSettings, match="IVR_AMI__SECRET is a placeholder"):
        load_settings()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_secrets_file_that_others_may_read_is_refused(mode: int, state: Path) -> None:
    load_settings()
    (state / SECRETS_FILE).chmod(mode)

    with pytest.raises(BadSettings, match="chmod 600"):
        load_settings()


def test_secrets_file_that_lacks_one_says_which(state: Path) -> None:
    load_settings()
    path = state / SECRETS_FILE
    path.write_text(path.read_text().replace("IVR_API__TOKEN", "IVR_API__TOKE"))

    with pytest.raises(BadSettings, match="lacks IVR_API__TOKEN"):
        load_settings()


def test_state_directory_that_cannot_be_used_says_so(state: Path) -> None:
    state.write_text("a file where the directory should be")

    with pytest.raises(BadSettings, match="cannot be used"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IVR_AMI__PORT", "70000"),
        ("IVR_AMI__PORTT", "5038"),
        ("IVR_CLOCK_RATE", "0"),
        ("IVR_LOG_LEVEL", "LOUD"),
        ("IVR_PBX__QUALIFY_SECONDS", "60"),
    ],
)
def test_setting_without_a_good_value_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSettings, match=f"^{name}: "):
        load_settings()


def test_list_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_TRUNK_SECRETS", "hunter2-hunter2")

    with pytest.raises(BadSettings, match="trunk_secrets") as caught:
        load_settings()

    assert "hunter2" not in str(caught.value)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_AMI__PORT", "0")
    monkeypatch.setenv("IVR_API__PORT", "0")

    with pytest.raises(BadSettings) as caught:
        load_settings()

    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "IVR_AMI__PORT",
        "IVR_API__PORT",
    ]
