"""Scenes 7, 9, 18, 23 and 28 from a desk with nothing but OpenSSH: a release, who looked, two holds, the policy for all."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from holdshelf_core.access_log import types as log_types
from holdshelf_core.looks.masks import GRAY
from holdshelf_core.people import board_types as types_board
from holdshelf_tui.text.time_format import local
from tests.bundles import manifest_of
from tests.looking import HEIGHT, NS, WIDTH, Recorded, pixels
from tests.people import day, wait_past_midnight
from tests.rig.hang import HANG_S
from tests.rig.processes import stopped
from tests.service import wait_for
from tests.tui.cli.test_driver import run
from tests.tui.ssh.door_rig import DoorHouse, Ran, house_with_footage
from tests.tui.ssh.outbox_rig import sftp

ADOPTED = "Camera policy of the library.\n\nP1. Cameras are there for safety.\n\nThe Library disclaims all liability.\n"
WANTED = "P1. Cameras are there for safety."


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DoorHouse, Recorded]]:
    with house_with_footage(tmp_path_factory.mktemp("ssh"), cameras={"lobby": "Front entrance"}) as (house, made):
        adopted = types_board.PolicyAdopt(ADOPTED, "7", "2026-03-10")
        house.client().act(adopted)
        house.enrol("carl", "Carl Moss")
        named = house.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter")
        assert named.code == 0, named.said
        yield house, made


def one_line(text: str) -> str:
    return " ".join(text.split())


def well(ran: Ran) -> str:
    assert ran.code == 0, ran.said
    return one_line(ran.out)


def raw(house: DoorHouse, words: str, login: str = "dora") -> bytes:
    """What comes byte by byte, as `> file` keeps it."""
    done = subprocess.run([*house.ssh(login), words], capture_output=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(pdf: bytes, folder: Path) -> str:
    """The letters of a PDF, by another's eyes."""
    (folder / "read.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", folder / "read.pdf", "-"], capture_output=True, text=True, check=True)
    return one_line(done.stdout)


def test_scene_7_and_9_a_release_from_request_to_receipt_over_ssh(
    desk: tuple[DoorHouse, Recorded], tmp_path: Path
) -> None:
    house, made = desk
    start, end = (local(made.start_utc_ns + at * NS) for at in (0, 20))
    asked = [
        *("release", "request", "--basis", "active-investigation", "--reference", "26-0417", "--paper", "-"),
        *("--issuer", "Chief Roe", "--docket", "26-0417", "--agency", "Prospect Police", "--officer", "badge 12"),
        *("--camera", "lobby", "--from", start, "--to", end, "--scope", f"lobby,{start},{end}"),
    ]
    stopped = house.run("dora", *asked, "--sheet", "-", stdin=b"scan of the letter")
    assert stopped.code == 1
    release = stopped.err.removeprefix("holdshelf: ").split()[0]
    assert "Counsel's route" in stopped.err and f"release again {release}" in stopped.err
    sheet = one_line(stopped.out)
    assert f"Request {release}, no. 26-0417" in sheet and "this could not be released" in sheet
    assert "Over SSH nothing can be written" in house.run("dora", *asked, "--sheet", "x.pdf", stdin=b"scan").err

    assert "is placed for" in well(house.run("dora", "release", "hold", release))
    opinion = ["counsel", "record", "--paper", "-", "--basis", "active-investigation", "--until", day(30)]
    well(house.run("dora", *opinion, stdin=b"scan of the opinion"))
    again = well(house.run("dora", "release", "again", release))
    assert "waiting for approval" in again and "without a court order" in again
    assert "You cannot approve" in house.run("dora", "release", "approve", release).err
    unanswered = house.run("carl", "release", "approve", release)
    assert unanswered.code == 1 and "Nobody has said yet whether other people are seen" in unanswered.err
    assert "nobody else is seen" in well(house.run("dora", "release", "others", release, "--none")).lower()
    well(house.run("carl", "release", "approve", release))
    assert f"release receipt {release}" in well(house.run("dora", "release", "export", release))
    receipt = read(raw(house, f"print receipt {release} --as pdf"), tmp_path)
    assert f"Receipt for release {release}" in receipt and "SHA256:" in receipt
    form = well(house.run("dora", "print", "release", release))
    for words in ("Approved by: Carl Moss", hashlib.sha256(b"scan of the letter").hexdigest(), "Caution on record:"):
        assert words in form
    assert "The Library disclaims all liability." in form


def test_scene_23_the_chair_asks_who_looked_and_the_answer_is_complete(
    desk: tuple[DoorHouse, Recorded], tmp_path: Path
) -> None:
    """By somebody else, over SSH: pictures seen, put into the outbox and fetched; in danger; refused."""
    house, made = desk
    wait_past_midnight()  # what was done today is asked for by its day
    house.enrol("sam", "Sam Roe")
    house.appoint("sam", "hold")
    at, first = local(made.start_utc_ns + 5 * NS), house.client().read(log_types.ReadHead()).size
    still = ("look", "still", "--camera", "lobby", "--at", at, "--purpose", "violation", "--incident", "26-23")
    put = well(house.run("dora", *still, "--outbox"))
    path = put.partition(" is in your outbox")[0]
    got = sftp(house, "dora", f'get "{path}" "{tmp_path / "still.jpg"}"')
    assert (tmp_path / "still.jpg").exists(), got.said
    well(house.run("dora", "look", "open", "--camera", "lobby", "--break-glass", "--note", "a fight"))
    assert "(P" in house.run("sam", *still, "--outbox").err, "refused"
    well(house.run("dora", "hold", "list"))  # no look

    asked = ("log", "who", "--camera", "Front entrance", "--day", "today")
    rows = json.loads(house.run("carl", *asked, "--json").out)["entries"]
    told = [
        (row["entry"]["action"], row["entry"]["outcome"], row["entry"].get("facts", {}).get("kind", ""))
        for row in rows
        if row["seq"] > first
    ]
    for one in (
        ("look.open", "done", "look"),
        ("outbox.still", "done", "still"),
        ("outbox.fetch", "done", "still"),
        ("break_glass", "done", "break_glass"),
        ("purpose.open", "refused", ""),
    ):
        assert one in told, (one, told)
    assert not {"hold.list", "log.show", "door.login", "outbox.enter"} & {action for action, *_ in told}
    words = well(house.run("carl", *asked))
    begun = "Dora Reed, Library Director, looked at pictures of Front entrance, "
    assert (
        begun in words
        and "no. 26-23: 1 picture" in words
        and "Sam Roe, designee of the Library Director, tried to" in words
    )
    assert "that is all of it" in words and "log export --public --first" in words
    by_incident = json.loads(house.run("carl", "log", "who", "--incident", "26-23", "--json").out)["entries"]
    assert {row["incident"] for row in by_incident} == {"26-23"} and len(by_incident) >= 4
    nobody = well(house.run("carl", "log", "who", "--camera", "lobby", "--day", "2020-01-01"))
    assert "Nobody, as far as the log tells" in nobody
    assert "There is no camera 'frnt'" in house.run("carl", "log", "who", "--camera", "frnt", "--day", "today").err

    paper = read(raw(house, "log who --camera lobby --day today --as pdf", "carl"), tmp_path)
    assert "Who looked" in paper and "Took, printed or gave away" in paper and "Tried, and was refused" in paper
    table = raw(house, "log who --camera lobby --day today --as csv --public", "carl").decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(table)))
    assert {line["Cameras"] for line in lines} == {"Front entrance"} and "Dora" not in table and "a fight" not in table
    asking = next(one for one in reversed(house.log_entries("log.show")) if one.get("facts", {}).get("of") == "looks")
    assert (asking["person"], asking["cameras"], asking["seat"]) == ("p2", ["lobby"], "chair"), "that is on record, too"


def test_scene_28_two_place_the_same_hold_and_while_one_exports_the_other_lifts_nothing(
    desk: tuple[DoorHouse, Recorded],
) -> None:
    house, made = desk
    start, end = (local(made.start_utc_ns + at * NS) for at in (40, 60))
    place = ("hold", "place", "--ground", "investigation", "--camera", "lobby", "--from", start, "--to", end)
    hers = house.run("dora", *place, "--reference", "26-28")
    key = hers.out.split(":")[0]
    assert hers.code == 0 and "too." not in hers.said
    his = house.run("carl", *place, "--reference", "26-28")
    other = his.out.split(":")[0]
    already = f"{key} (no. 26-28, placed by Dora Reed"
    assert already in his.out and "keeps all of it, too." in his.out, "who places the same is told"
    assert f"{other} (no. 26-28, placed by Carl Moss" in well(house.run("dora", "hold", "show", key)), "the first, too"

    asked = ("release", "request", "--basis", "active-investigation", "--reference", "26-28", "--paper", "-")
    case = (
        "--issuer",
        "Chief Roe",
        "--docket",
        "26-28",
        "--agency",
        "Police",
        "--officer",
        "badge 12",
        "--camera",
        "lobby",
        "--from",
        start,
        "--to",
        end,
    )
    scope = ("--scope", f"lobby,{start},{end}", "--json")
    requested = house.run("carl", *asked, *case, *scope, stdin=b"letter")
    assert requested.code == 0, requested.said
    release = json.loads(requested.out)["id"]
    well(house.run("carl", "release", "others", release, "--none"))
    well(house.run("dora", "release", "approve", release))
    for hold, by in ((key, "carl"), (other, "dora")):
        refused = house.run(by, "hold", "lift", hold, "--why", "closed")
        assert refused.code == 1 and "release" in refused.err and "(P16" in refused.err, refused.said
    well(house.run("carl", "release", "export", release, "--background"))
    with stopped([the_one_that_makes_it(house)]):
        assert "being made" in well(house.run("carl", "release", "show", release))
        refused = house.run("dora", "hold", "lift", other, "--why", "closed")
        assert refused.code == 1 and release in refused.err and "(P16" in refused.err, refused.said
    wait_for("the bundle is made", lambda: "exported" in house.run("carl", "release", "show", release).out)
    assert manifest_of(house.service.data / "media" / "bundles" / release)["videos"][0]["frames"] == 100
    assert "waiting to be lifted" in well(house.run("carl", "hold", "lift", key, "--why", "handed over"))


def the_one_that_makes_it(house: DoorHouse) -> int:
    """The process that makes a bundle; it lives for as long as that takes."""
    command = ["pgrep", "-f", "-P", str(house.service.service_pid()), "holdshelf_core.releases.worker"]

    def probe() -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    return int(wait_for("a bundle is being made", probe, every=0.001))


def test_scene_22_others_in_what_a_patron_asks_for_are_masked_over_time_or_the_reason_is_on_record(
    desk: tuple[DoorHouse, Recorded], tmp_path: Path
) -> None:
    house, made = desk
    start, end = (local(made.start_utc_ns + at * NS) for at in (40, 60))
    asked = [
        *("release", "request", "--basis", "written-permission", "--reference", "26-0422", "--paper", "-"),
        *(
            "--issuer",
            "the patron",
            "--camera",
            "lobby",
            "--from",
            start,
            "--to",
            end,
            "--scope",
            f"lobby,{start},{end}",
        ),
    ]
    told = well(house.run("dora", *asked, stdin=b"scan of the permission"))
    release = told.split(":")[0]
    assert "waiting for approval" in told and "Are other people seen in it?" in told
    refused = house.run("carl", "release", "approve", release)
    assert refused.code == 1 and "Nobody has said yet whether other people are seen" in refused.err
    silent = house.run("dora", "release", "others", release, "--unmasked")
    assert silent.code == 1 and "say why not" in silent.err

    at = [local(made.start_utc_ns + second * NS) for second in (42, 50, 55)]
    sides = ("0,10,30,90", "50,10,80,90", "70,10,100,90")
    rows = ["box,camera,at,left,top,right,bottom", *(f"1,lobby,{t},{s}" for t, s in zip(at, sides, strict=True))]
    boxes = "\n".join(rows) + "\n"
    assert "names a file on the server" in house.run("dora", "release", "others", release, "--boxes", "/etc/passwd").err
    drawn = well(house.run("dora", "release", "others", release, "--boxes", "-", stdin=boxes.encode()))
    assert "Others are seen, and 1 box is drawn over them; Dora Reed" in drawn
    again = house.run("dora", "release", "others", release, "--csv")
    assert [line.split(",")[3:] for line in again.out.splitlines()] == [
        line.split(",")[3:] for line in boxes.splitlines()
    ]
    look = f"look still --purpose legal-paper --incident 26-0422 --camera lobby --at '{at[1]}' -o -"
    bare, masked = (pixels(raw(house, words)) for words in (look, f"{look} --release {release}"))
    height, width = HEIGHT, WIDTH
    box = (slice(height * 15 // 100, height * 85 // 100), slice(width * 52 // 100, width * 78 // 100))
    assert abs(masked[box].astype(int) - 93).max() < 12 < abs(bare[box].astype(int) - 93).max()
    assert abs(masked[:height, : width // 2 - 8].astype(int) - bare[:height, : width // 2 - 8]).max() < 12

    well(house.run("carl", "release", "approve", release))
    changed = house.run("dora", "release", "others", release, "--none")
    assert changed.code == 1 and "is approved as it is" in changed.err
    well(house.run("dora", "release", "export", release))
    bundle = house.service.data / "media" / "bundles" / release
    manifest = manifest_of(bundle)
    assert (manifest["others"]["decided_by"], manifest["videos"][0]["boxes"]) == ("Dora Reed", 1)
    with av.open(str(bundle / manifest["videos"][0]["file"])) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == 100
    under, beside = int(frames[50][120, 200]), int(frames[50][120, 100])
    assert abs(under - GRAY) < 8 < abs(beside - GRAY)
    form = well(house.run("dora", "print", "release", release))
    assert "Others in it: others are seen, and 1 box is drawn over them" in form
    certificate = well(house.run("dora", "print", "certificate", release))
    assert "4. Other people: others are seen, and 1 box is drawn over them. Decided by Dora Reed" in certificate

    # The pictures of it on one sheet, as they leave: written down before the first of them is shown.
    sheet = read(raw(house, f"print sheet {release} --count 5"), tmp_path)
    assert f"Contact sheet of {release}" in sheet and sheet.count("Front entrance, ") >= 5
    (printed,) = [one for one in house.log_entries("print.facts") if one["facts"].get("paper") == "sheet"]
    assert printed["facts"]["pictures"] == 5 and printed["subject"] == release
    looked = [one for one in house.log_entries("look.open") if one["seq"] > printed["seq"]]
    assert looked and looked[0]["purpose"] == "legal-paper"
    assert "24 pictures, not 25" in house.run("dora", "print", "sheet", release, "--count", "25").err


def test_scene_22_others_who_are_not_masked_leave_with_the_reason_on_every_paper(
    desk: tuple[DoorHouse, Recorded],
) -> None:
    house, made = desk
    start, end = (local(made.start_utc_ns + at * NS) for at in (40, 60))
    why = "only the patron's own children are seen, and their mother signed for them"
    asked = [
        *("release", "request", "--basis", "written-permission", "--reference", "26-0423", "--paper", "-"),
        *("--issuer", "the patron", "--camera", "lobby", "--from", start, "--to", end),
        *("--scope", f"lobby,{start},{end}", "--json"),
    ]
    requested = house.run("dora", *asked, stdin=b"scan of another permission")
    assert requested.code == 0, requested.said
    release = json.loads(requested.out)["id"]
    decided = well(house.run("dora", "release", "others", release, "--unmasked", "--why", why))
    assert "Dora Reed" in decided and why in decided
    said = house.log_entries("release.others")[-1]
    assert said["subject"] == release and why not in str(said), "a reason may name somebody: it is in the private part"
    well(house.run("carl", "release", "approve", release))
    well(house.run("dora", "release", "export", release))
    bundle = house.service.data / "media" / "bundles" / release
    manifest = manifest_of(bundle)
    assert (manifest["others"]["decided_by"], manifest["others"]["why"]) == ("Dora Reed", why)
    assert not manifest["videos"][0].get("boxes")
    with av.open(str(bundle / manifest["videos"][0]["file"])) as container:
        frames = [frame.to_ndarray(format="rgb24")[:HEIGHT, :WIDTH].astype(int) for frame in container.decode(video=0)]
    at = local(made.start_utc_ns + 50 * NS)
    look = f"look still --purpose legal-paper --incident 26-0423 --camera lobby --at '{at}' -o -"
    bare = pixels(raw(house, look))[:HEIGHT, :WIDTH].astype(int)
    # Typed to the second, it is one of the frames about that time.
    assert min(abs(frame - bare).mean() for frame in frames[44:52]) < 4, "nothing is drawn over it"
    for paper in ("release", "certificate"):
        assert why in well(house.run("dora", "print", paper, release)), paper
    for file in ("certificate.txt", "authority.txt"):
        assert why in one_line((bundle / file).read_text()), file


def test_scene_18_a_patron_asks_for_the_policy_one_command_and_nobody_asked_who(
    desk: tuple[DoorHouse, Recorded], tmp_path: Path
) -> None:
    house, _made = desk
    before = len(house.log_entries("print.facts"))
    assert WANTED in well(house.run("dora", "print", "policy"))
    large = raw(house, "print policy --as pdf --large")
    assert WANTED in read(large, tmp_path)
    here = run("print", "policy", "--data", house.service.data)
    assert here.code == 0 and WANTED in here.out
    told = house.log_entries("print.facts")[before:]
    assert [entry["facts"] for entry in told] == [{"paper": "policy"}] * 3, "which paper, and nothing of who wanted it"
    assert not any({"purpose", "incident", "subject", "cameras"} & set(entry) for entry in told)

    house.service.stop()  # the last of this house
    for more, name in (((), "policy.txt"), (("--large",), "policy.pdf")):
        file = tmp_path / name
        printed = run("print", "policy", *more, "--file", file, "--data", house.service.data)
        assert printed.code == 0, printed.err
        text = read(file.read_bytes(), tmp_path) if more else file.read_text()
        assert WANTED in text
        assert "while the service was not running" in one_line(text)
