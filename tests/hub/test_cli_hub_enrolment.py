"""``hphub heatpump add --enrol``, ``heatpump enrol`` and ``box``: what they print, keep and refuse."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from hub.cli import main
from hub.enrolment.sessions import SessionNotClosed, command_line
from iec61850_model.enrolment.code import EnrolmentCode

Hphub = Callable[..., Result]


@pytest.fixture
def configure(folder: Path) -> Callable[..., None]:
    def change(**keys: object) -> None:
        path = folder / "hub.yaml"
        values = yaml.safe_load(path.read_text())
        values["enrolment"] |= keys
        path.write_text(yaml.safe_dump(values))

    return change


@pytest.fixture
def enrolling(hphub: Hphub, configure: Callable[..., None]) -> Hphub:
    configure(box_domain="boxes.example.org", host="xmpp.example.org")
    return hphub


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def shown_code(result: Result) -> EnrolmentCode:
    found = re.search(r"^[A-Z2-7]{100,}$", done(result), re.MULTILINE)
    assert found, result.output
    return EnrolmentCode.parse(found[0])


def listed(hphub: Hphub) -> dict[str, dict[str, object]]:
    return {one["id"]: one for one in json.loads(done(hphub("box", "list", "--json")))}


def test_a_heat_pump_is_added_with_a_code_that_nobody_sees_again(enrolling: Hphub, folder: Path) -> None:
    code = shown_code(enrolling("heatpump", "add", "hp0042", "--enrol"))
    assert (code.hub, code.host, code.port) == ("hub.example.org", "xmpp.example.org", 5222)
    assert code.fingerprint == b"", "no server_ca: public authorities"
    row = listed(enrolling)["hp0042"]
    assert (row["box"], row["state"], row["serial"]) == ("hp0042@boxes.example.org", "code open", None)
    secret = code.secret
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert secret not in content and secret.hex().encode() not in content, file
    audit = done(enrolling("audit", "--json"))
    assert code.identity.hex() in audit and code.text not in audit


def test_the_code_holds_the_fingerprint_of_the_servers_authority(
    enrolling: Hphub, configure: Callable[..., None], folder: Path
) -> None:
    configure(server_ca="ca/ca.crt")
    code = shown_code(enrolling("heatpump", "add", "hp0042", "--enrol"))
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    certificate = x509.load_pem_x509_certificate((folder / "ca" / "ca.crt").read_bytes())
    assert code.fingerprint == certificate.fingerprint(SHA256())


def test_each_code_is_another_one_and_ends_the_one_before(enrolling: Hphub, folder: Path) -> None:
    first = shown_code(enrolling("heatpump", "add", "hp0042", "--enrol"))
    second = shown_code(enrolling("heatpump", "enrol", "hp0042", "--code-until", "2d"))
    assert first.secret != second.secret and first.identity != second.identity
    with sqlite3.connect(folder / "registry.db") as registry:
        rows = dict(registry.execute("SELECT identity, ended IS NOT NULL FROM enrolment_code").fetchall())
    assert rows == {first.identity.hex(): 1, second.identity.hex(): 0}


@pytest.mark.parametrize(
    ("command", "exit_code", "said"),
    [
        ("heatpump add hp1 --enrol --code-until 91d", 2, "at most 90 days"),
        ("heatpump add hp1 --enrol --code-until 2020-01-01", 2, "at most 90 days"),
        ("heatpump add hp1 --enrol --box box1@maker.example", 2, "certificates of this hub let nobody in"),
        ("heatpump add hp1", 2, "--box JID, or --enrol"),
        ("heatpump enrol hp9", 3, "no heat pump 'hp9'"),
        ("heatpump add guest --enrol", 2, "name of a component"),
        ("box revoke hp9 --yes", 3, "no heat pump 'hp9'"),
        ("box revoke hp1", 3, "no heat pump"),
        ("box allow hp9", 3, "no heat pump"),
    ],
)
def test_what_cannot_be_is_told_with_what_to_do(
    enrolling: Hphub, command: str, exit_code: int, said: str
) -> None:
    result = enrolling(*command.split())
    assert (result.exit_code, said in result.output) == (exit_code, True), result.output
    assert listed(enrolling) == {}, "nothing was kept"


def test_without_a_domain_for_boxes_nobody_enrols(hphub: Hphub) -> None:
    result = hphub("heatpump", "add", "hp1", "--enrol")
    assert result.exit_code == 1 and "enrolment.box_domain" in result.output
    done(hphub("heatpump", "add", "hp1", "--box", "box1@boxes.example.org"))
    assert hphub("heatpump", "enrol", "hp1").exit_code == 1
    assert listed(hphub)["hp1"]["state"] == "password"


def test_a_box_is_shut_out_and_let_in(enrolling: Hphub, configure: Callable[..., None], folder: Path) -> None:
    closed = folder / "closed"
    configure(close_session=["sh", "-c", 'echo "$0" > ' + str(closed), "{jid}"])
    done(enrolling("heatpump", "add", "hp1", "--enrol"))
    told = done(enrolling("box", "revoke", "hp1", "--yes"))
    assert "Its session on boxes.example.org is closed" in told
    assert closed.read_text() == "hp1@boxes.example.org\n"
    revoked = folder / "revoked"
    assert revoked.read_text() == "" and stat.S_IMODE(revoked.stat().st_mode) == 0o644
    row = listed(enrolling)["hp1"]
    assert (row["box"], row["state"], row["code_expires"]) == ("hp1@boxes.example.org", "shut out", None)
    assert "shut-out.invalid" in done(enrolling("heatpump", "list"))
    twice = enrolling("box", "revoke", "hp1", "--yes")
    assert twice.exit_code == 1 and "already" in twice.output
    assert "let in again" in done(enrolling("box", "allow", "hp1"))
    assert "hp1@boxes.example.org" in done(enrolling("heatpump", "list"))


def test_what_the_server_did_not_do_is_told(enrolling: Hphub, configure: Callable[..., None]) -> None:
    for number in (1, 2):
        done(enrolling("heatpump", "add", f"hp{number}", "--enrol"))
    done(enrolling("heatpump", "add", "hp3", "--box", "box3@maker.example"))
    assert "mod_hub_revoked" in done(enrolling("box", "revoke", "hp1", "--yes"))
    configure(close_session=["sh", "-c", "echo no such session >&2; exit 3"])
    failed = enrolling("box", "revoke", "hp2", "--yes")
    assert failed.exit_code == 1 and "ended with 3: no such session" in failed.output
    assert listed(enrolling)["hp2"]["state"] == "shut out", "the hub has dropped it all the same"
    foreign = done(enrolling("box", "revoke", "hp3", "--yes"))
    assert "At the hub only: maker.example" in foreign


@pytest.mark.parametrize(
    "jid", ["a'b@x.example", "a\\b@x.example", "a b@x.example", "a@x.example');os", "é@x"]
)
def test_no_account_reaches_a_servers_console_that_could_be_more_than_a_name(jid: str) -> None:
    with pytest.raises(SessionNotClosed, match="by hand"):
        command_line(["prosodyctl", "shell", "c2s:close('{jid}')"], jid)
    line = command_line(["prosodyctl", "shell", "c2s:close('{jid}')"], "box-1.a_b@x.example")
    assert line[-1] == "c2s:close('box-1.a_b@x.example')"


def test_init_makes_an_authority_for_its_owner_only_and_never_another_one(folder: Path) -> None:
    key, certificate = folder / "ca" / "ca.key", folder / "ca" / "ca.crt"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes(), certificate.read_bytes()
    again = CliRunner().invoke(main, ["init", "--dir", str(folder)])
    assert again.exit_code == 0, again.output
    assert (key.read_bytes(), certificate.read_bytes()) == before


def test_init_makes_none_where_one_is_named(folder: Path, configure: Callable[..., None]) -> None:
    for file in ("ca.key", "ca.crt"):
        (folder / "ca" / file).unlink()
    configure(ca_key="/elsewhere/ca.key")
    assert CliRunner().invoke(main, ["init", "--dir", str(folder)]).exit_code == 0
    assert not (folder / "ca" / "ca.key").exists()


def test_the_key_can_have_a_passphrase(folder: Path, configure: Callable[..., None]) -> None:
    for file in ("ca.key", "ca.crt"):
        (folder / "ca" / file).unlink()
    passphrase = folder / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    configure(ca_passphrase_file="passphrase")
    assert CliRunner().invoke(main, ["init", "--dir", str(folder)]).exit_code == 0
    assert b"ENCRYPTED" in (folder / "ca" / "ca.key").read_bytes()
