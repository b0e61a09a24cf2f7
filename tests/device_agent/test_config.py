"""box.yaml: what is refused and what the message says; the documented example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from device_agent.clock import ClockSource
from device_agent.config import BoxConfig, ConfigError
from device_agent.output_config import (
    EVU_BLOCK_DEFAULTS,
    LostHubConfig,
    RelayOutput,
    SetPointOutput,
    SgReadyOutput,
)
from iec61850_model.enrolment.keys import key_as_pem, new_key
from iec61850_model.xmpp import MOBILE, WIRED
from support.pki import CertificateAuthority

MINIMAL: dict[str, Any] = {
    "jid": "box1@boxes.example.org",
    "password_file": "password",
    "hub": "hub.example.org",
    "model": "box.icd",
    "drivers": {"meter": {"kind": "modbus"}},
    "points": {"MET/MMXU1.TotW": "meter.power"},
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "box.yaml"
    path.write_text(yaml.safe_dump(MINIMAL | changes, sort_keys=False))
    return path


def password(folder: Path, text: str = "s3cret\n", mode: int = 0o600) -> Path:
    path = folder / "password"
    path.write_text(text)
    path.chmod(mode)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        BoxConfig.load(path)
    return str(caught.value)


def test_what_is_left_out_has_the_documented_default(tmp_path: Path) -> None:
    config = BoxConfig.load(written(tmp_path))
    assert (config.profile, config.clock, config.sample_every) == ("wired", ClockSource.KERNEL, 1.0)
    assert (config.server, config.ca_file, config.log_level, config.outputs) == (None, None, "info", {})
    assert config.collector_domain == "history.hub.example.org"
    point = config.points["MET/MMXU1.TotW"]
    assert (str(point.source), point.scale, point.offset) == ("meter.power", 1.0, 0.0)


def test_paths_are_relative_to_the_file_and_absolute_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    path = written(tmp_path / "etc", ca_file="/pki/ca.pem", settings_file="../settings.json")
    monkeypatch.chdir(tmp_path)
    config = BoxConfig.load(path.relative_to(tmp_path))
    assert config.password_file == tmp_path / "etc" / "password"
    assert config.model == tmp_path / "etc" / "box.icd"
    assert config.ca_file == Path("/pki/ca.pem")
    assert config.settings_file.resolve() == tmp_path / "settings.json"


def test_three_kinds_of_output(tmp_path: Path) -> None:
    outputs = {
        "HP/EvuGGIO1.SPCSO1": {"relay": "meter.relay", "safe": True, "max_on": 60},
        "HP/SgrGGIO1.ISCSO1": {"sg_ready": ["meter.one", "meter.two"]},
        "HP/RmFSPT1.SptVal": {"set_point": "meter.room", "initial": 20.5},
    }
    relay, sg_ready, set_point = BoxConfig.load(written(tmp_path, outputs=outputs)).outputs.values()
    assert isinstance(relay, RelayOutput) and relay.safe and relay.max_on == 60
    assert isinstance(sg_ready, SgReadyOutput) and sg_ready.max_on == 7200
    assert [str(source) for source in sg_ready.sg_ready] == ["meter.one", "meter.two"]
    assert isinstance(set_point, SetPointOutput) and set_point.initial == 20.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jdi": "x"}, ["jdi: there is no such key", "config/box.yaml"]),
        ({"jid": "boxes.example.org"}, ["jid: ", "user@domain"]),
        ({"jid": "box1@boxes.example.org/desk"}, ["jid: ", "resource is IEC"]),
        ({"jid": "a@b@c"}, ["jid: "]),
        ({"hub": "router@hub.example.org"}, ["hub: ", "is not a domain"]),
        ({"hub": ""}, ["hub: "]),
        ({"collector": "history.example.org/x"}, ["collector: ", "is not a domain"]),
        ({"sample_every": 0.1}, ["sample_every: ", "0.2"]),
        ({"sample_every": 61}, ["sample_every: ", "60"]),
        ({"sample_every": float("nan")}, ["sample_every: "]),
        ({"profile": "fast"}, ["profile: ", "'wired' or 'mobile'"]),
        ({"clock": "gps"}, ["clock: ", "'kernel' or 'trusted'"]),
        ({"server": {"host": "x", "port": 0}}, ["server: port: ", "1"]),
        ({"server": {"host": ""}}, ["server: host: "]),
        ({"server": {"port": 5222}}, ["server: host: is missing"]),
        ({"log_level": "loud"}, ["log_level: ", "'debug'"]),
        ({"settings_file": "no/such/folder/s.json"}, ["settings_file: make the folder"]),
        ({"schedules_file": "no/such/folder/s.json"}, ["schedules_file: make the folder"]),
        ({"time_zone": "Europe/Atlantis"}, ["time_zone: 'Europe/Atlantis' is no time zone"]),
        ({"time_zone": "../../etc/passwd"}, ["time_zone", "is no time zone"]),
        ({"buffer": {"file": "no/such/folder/b.db"}}, ["buffer: file: make the folder"]),
        ({"buffer": {"megabytes": 49}}, ["buffer: megabytes: ", "50"]),
        ({"buffer": {"report_delay": 241}}, ["buffer: report_delay: ", "240"]),
        ({"buffer": {"report_delay": -1}}, ["buffer: report_delay: ", "0"]),
        ({"buffer": {"size": 1}}, ["buffer: size: there is no such key"]),
        ({"points": {"MET/MMXU1.TotW": "power"}}, ["points: MET/MMXU1.TotW: source: ", "driver.name"]),
        ({"points": {"MET/MMXU1.TotW": 3}}, ["points: MET/MMXU1.TotW: keys with values"]),
        ({"points": {"MET/MMXU1.TotW": {"source": 3}}}, ["MET/MMXU1.TotW: source: write driver.name"]),
        (
            {"points": {"MET/MMXU1.TotW": {"source": "meter.power", "scale": 0}}},
            ["points: MET/MMXU1.TotW: scale: 0 would make zero of every reading"],
        ),
        (
            {"points": {"MET/MMXU1.TotW": {"source": "meter.power", "scale": float("inf")}}},
            ["points: MET/MMXU1.TotW: scale: ", "finite"],
        ),
        (
            {"points": {"MET/MMXU1.TotW": {"source": "meter.power", "ofset": 1}}},
            ["points: MET/MMXU1.TotW: ofset: there is no such key"],
        ),
        ({"drivers": {"My Meter": {}}}, ["drivers: My Meter"]),
        ({"drivers": {"meter": "modbus"}}, ["drivers: meter: "]),
        ({"outputs": {"HP/X.Y": {}}}, ["outputs: HP/X.Y: give exactly one of relay, sg_ready and set_point"]),
        (
            {"outputs": {"HP/X.Y": {"relay": "a.b", "set_point": "a.c"}}},
            ["outputs: HP/X.Y: give exactly one of"],
        ),
        ({"outputs": {"HP/X.Y": "a.b"}}, ["outputs: HP/X.Y: give exactly one of"]),
        ({"outputs": {"HP/X.Y": {"relay": "a.b", "max_on": 0}}}, ["outputs: HP/X.Y: max_on: "]),
        ({"outputs": {"HP/X.Y": {"relay": "a.b", "max_on": 90_001}}}, ["outputs: HP/X.Y: max_on: ", "90000"]),
        ({"outputs": {"HP/X.Y": {"sg_ready": ["a.b"]}}}, ["outputs: HP/X.Y: sg_ready: 1: is missing"]),
        ({"points": {f"MET/L{n}.D": "a.b" for n in range(1001)}}, ["points: ", "1000"]),
    ],
)
def test_a_wrong_key_is_named_with_the_file(tmp_path: Path, changes: dict[str, Any], said: list[str]) -> None:
    path = written(tmp_path, **changes)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    for words in said:
        assert words in message
    assert "Value error" not in message and "RelayOutput" not in message


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    lines = refusal(written(tmp_path, hub="a@b", sample_every=0, jdi=1)).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(str(tmp_path)) for line in lines)


def test_each_box_has_a_delay_of_its_own_for_the_collector(tmp_path: Path) -> None:
    delays = [
        BoxConfig.load(written(tmp_path, jid=f"box{n}@boxes.example.org")).report_delay_ms for n in range(200)
    ]
    again = BoxConfig.load(written(tmp_path, jid="box7@boxes.example.org")).report_delay_ms
    assert again == delays[7]
    assert all(0 <= delay <= 240_000 for delay in delays)
    for third in range(3):
        within = [delay for delay in delays if third * 80_000 <= delay < (third + 1) * 80_000]
        assert len(within) > 40, "spread over the time"
    given = written(tmp_path, buffer={"report_delay": 1.5})
    assert BoxConfig.load(given).report_delay_ms == 1500


def test_where_reports_are_kept(tmp_path: Path) -> None:
    assert BoxConfig.load(written(tmp_path)).buffer.file == tmp_path / "buffer.db"
    (tmp_path / "state").mkdir()
    config = BoxConfig.load(written(tmp_path, buffer={"file": "state/b.db", "megabytes": 60}))
    assert (config.buffer.file, config.buffer.megabytes) == (tmp_path / "state" / "b.db", 60)


def test_each_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "box.yaml"
    path.write_text("jid: box1@boxes.example.org\n")
    message = refusal(path)
    for key in ("hub", "model", "drivers", "points"):
        assert f"{path}: {key}: is missing" in message


def test_a_box_logs_in_by_password_or_certificate_and_not_by_both(tmp_path: Path) -> None:
    said = "either password_file or identity_file"
    assert said in refusal(written(tmp_path, password_file=None))
    assert said in refusal(written(tmp_path, identity_file="identity.pem"))


def test_the_identity_must_be_there_whole_and_private(tmp_path: Path) -> None:
    config = BoxConfig.load(written(tmp_path, password_file=None, identity_file="identity.pem"))
    identity = tmp_path / "identity.pem"
    with pytest.raises(ConfigError, match="hpbox enrol"):
        config.connection()
    key = new_key()
    authority = CertificateAuthority(tmp_path)
    server = authority.issue_server(tmp_path, "box", ["box.example"])
    identity.write_bytes(server.key_file.read_bytes() + server.certificate_file.read_bytes())
    identity.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        config.connection()
    identity.chmod(0o600)
    settings = config.connection()
    assert settings.identity_file == identity and not settings.guest
    assert settings.mechanisms == {"EXTERNAL"}, "a password is not even tried"
    for wrong in (key_as_pem(key), key_as_pem(key) + server.certificate_file.read_bytes(), b""):
        identity.write_bytes(wrong)
        with pytest.raises(ConfigError, match="private key and its certificate"):
            config.connection()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "keys with values"),
        ("[1, 2]", "keys with values"),
        ("jid: [", "is not YAML"),
        ("start: 2026-13-01", "is not YAML"),
        ("hub: a\nhub: b\n", "hub stands twice"),
        ("points:\n  MET/A.B: a.b\n  MET/A.B: a.c\n", "MET/A.B stands twice"),
        (b"hub: \xff", "cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = tmp_path / "box.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refusal(path)
    assert message.startswith(str(path)) and said in message


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    assert "config/box.yaml" in refusal(tmp_path / "box.yaml")


def test_addresses_are_compared_as_servers_write_them(tmp_path: Path) -> None:
    config = BoxConfig.load(written(tmp_path, hub="Hub.Example.ORG", jid="Box1@Boxes.Example.org"))
    assert config.hub == "hub.example.org"
    assert config.collector_domain == "history.hub.example.org"
    assert config.jid == "box1@boxes.example.org/IEC"


def test_how_to_log_in(tmp_path: Path) -> None:
    password(tmp_path)
    config = BoxConfig.load(
        written(tmp_path, server={"host": "xmpp.example.org"}, profile="mobile", jid="b@x.org/IEC")
    )
    settings = config.connection()
    assert (settings.jid, settings.password) == ("b@x.org/IEC", "s3cret")
    assert (settings.host, settings.port, settings.profile) == ("xmpp.example.org", 5222, MOBILE)
    plain = BoxConfig.load(written(tmp_path)).connection()
    assert (plain.host, plain.port, plain.profile, plain.ca_file) == (None, None, WIRED, None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_password_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = password(tmp_path, mode=mode)
    with pytest.raises(ConfigError, match=f"password_file: .*chmod 600 {path}"):
        BoxConfig.load(written(tmp_path)).connection()


@pytest.mark.parametrize("text", ["", "\n", "one\ntwo\n", "x" * 1025])
def test_a_password_file_without_one_password(tmp_path: Path, text: str) -> None:
    password(tmp_path, text)
    with pytest.raises(ConfigError, match=r"password_file: .* in one line") as caught:
        BoxConfig.load(written(tmp_path)).connection()
    assert "two" not in str(caught.value)


def test_a_password_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"password_file: write the password .*chmod 600"):
        BoxConfig.load(written(tmp_path)).connection()


def test_a_password_file_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "password").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=r"password_file: .* cannot be read"):
        BoxConfig.load(written(tmp_path)).connection()


def test_a_password_never_shows(tmp_path: Path) -> None:
    password(tmp_path)
    config = BoxConfig.load(written(tmp_path))
    assert "s3cret" not in repr(config) + repr(config.connection())


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_is_none_is_found_before_the_first_login(tmp_path: Path, content: str | None) -> None:
    password(tmp_path)
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(ConfigError, match=r"ca_file: .*ca\.pem is no PEM file"):
        BoxConfig.load(written(tmp_path, ca_file="ca.pem")).connection()


# --- the documented defaults of outputs -----------------------------------------------------------------


def test_the_limits_that_the_example_calls_defaults_are_those() -> None:
    text = (Path(__file__).parents[2] / "config" / "box.yaml").read_text()
    outputs = yaml.safe_load(text)["outputs"]
    evu = dict(outputs["HP/EvuGGIO1.SPCSO1"])
    bare = RelayOutput.model_validate({"relay": evu["relay"]})
    own = {"min_off": EVU_BLOCK_DEFAULTS.min_off, "starts_per_day": EVU_BLOCK_DEFAULTS.starts_per_day}
    assert RelayOutput.model_validate(evu) == bare.model_copy(update=own)
    sg_ready = dict(outputs["HP/SgrGGIO1.ISCSO1"])
    only = SgReadyOutput.model_validate({"sg_ready": sg_ready["sg_ready"]})
    assert SgReadyOutput.model_validate(sg_ready) == only
    commented = re.sub("(?m)^#", "", text[text.index("#lost_hub:") :].split("\n\n")[0])
    assert LostHubConfig.model_validate(yaml.safe_load(commented)["lost_hub"]) == LostHubConfig()


@pytest.mark.parametrize(
    "wrong",
    [
        {"relay": "pins.evu", "min_on": 7201},
        {"relay": "pins.evu", "min_off": -1},
        {"relay": "pins.evu", "starts_per_day": 10_001},
        {"relay": "pins.evu", "lost_hub": "on"},
        {"relay": "pins.evu", "max_on": float("nan")},
    ],
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RelayOutput.model_validate(wrong)
