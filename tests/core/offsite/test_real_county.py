"""Several recorders in one bucket of a real Ceph: what each tells the others, whom, and what is not believed (`make test-s3`)."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import ClientError

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, Refused
from holdshelf_core.holds import types as hold_types
from holdshelf_core.offsite import county, link, sealing
from holdshelf_core.offsite.sealing import new_key
from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_core.offsite.types import (
    BranchHold,
    BranchList,
    BranchSpan,
    OffsiteList,
    OffsiteSetup,
    Place,
    ReadCounty,
    ReadOffsite,
)
from holdshelf_core.offsite.worker import Worker
from tests.core.holds.acts import place, settings
from tests.people import People
from tests.rig.ceph import ACCESS_KEY, SECRET_KEY, Ceph
from tests.rig.elsewhere import NAME_KEY, NEEDS_CEPH, Elsewhere, client, place_of
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import NS, Service, faults_in, wait_for

pytestmark = NEEDS_CEPH
CASE = "26-1234-only-here"
HOUR_NS = 3600 * NS


def branches_of(ceph: Ceph, *names: str) -> list[Place]:
    """Places in one bucket that share a county key, each with a prefix of its own."""
    private, public = new_key()
    first = place_of(ceph)
    return [
        msgspec.structs.replace(
            first, prefix=f"{name.lower()}/", branch=name, county=public, county_key=private, recipient=new_key()[1]
        )
        for name in names
    ]


def row(reference: str = CASE) -> BranchHold:
    now = time.time_ns()
    spans = (BranchSpan("Front entrance", now - HOUR_NS, now), BranchSpan("Lobby", now - HOUR_NS))
    return BranchHold("H-2026-0001", reference, "investigation", "active", now, spans)


def told(where: Place, *rows: BranchHold) -> None:
    """What a worker of that place puts."""
    county.OwnIndex(Bucket(where), where).put(rows, rows)


def listed(where: Place, later_ns: int = 0) -> dict[str, tuple[str, str, list[str]]]:
    """By prefix: the branch, why it is not to be relied on, and its cases."""
    found = county.read_branches(Bucket(where), where, time.time_ns() + later_ns)
    return {one.prefix: (one.branch, one.why, [hold.reference for hold in one.holds]) for one in found}


# --- the index ------------------------------------------------------------------------------------------------------------


def test_each_branch_reads_the_others_and_the_stores_keepers_read_no_case(ceph: Ceph) -> None:
    main, elm = branches_of(ceph, "Main", "Elm")
    told(main, row())
    told(elm)
    told(elm, row("26-77"), row())
    assert listed(main) == listed(elm) == {"elm/": ("Elm", "", ["26-77", CASE]), "main/": ("Main", "", [CASE])}
    versions = list(Bucket(main).versions("county/"))
    assert len(versions) == 2, "the index before is deleted"
    for one in versions:
        data = b"".join(Bucket(main).read(one.key, one.version))
        assert data.startswith(b"age-encryption.org/v1\n") and CASE.encode() not in data and b"Front" not in data


def test_any_age_opens_an_index_with_the_county_key(ceph: Ceph, tmp_path: Path) -> None:
    (main,) = branches_of(ceph, "Main")
    told(main, row())
    (tmp_path / "county.txt").write_text(main.county_key + "\n")
    (tmp_path / "index.age").write_bytes(b"".join(Bucket(main).read("county/main/index.age")))
    words = ["age", "-d", "-i", str(tmp_path / "county.txt"), str(tmp_path / "index.age")]
    found = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=HANG_S).stdout)
    assert (found["branch"], found["holds"][0]["reference"]) == ("Main", CASE)


def test_an_index_that_is_old_hidden_put_over_or_not_its_own_is_marked_with_the_reason(ceph: Ceph) -> None:
    main, elm, pine = branches_of(ceph, "Main", "Elm", "Pine")
    told(main, row())
    told(elm, row("26-2"))
    keepers = client(main)
    first = b"".join(Bucket(main).read("county/elm/index.age"))

    def put(name: str, data: bytes) -> None:
        keepers.put_object(Bucket=main.bucket, Key=f"county/{name}/index.age", Body=io.BytesIO(data))

    def sealed(data: bytes, recipient: str) -> bytes:
        out = io.BytesIO()
        sealing.seal(io.BytesIO(data), out, recipient)
        return out.getvalue()

    put("oak", sealed(b"{}", new_key()[1]))  # another county's
    put("ash", first)  # another branch's
    put("fir", sealed(b'{"holdshelf":2,"of":"a newer version"}', main.county))
    put("yew", b"\0" * (county.MOST_BYTES + 1))
    told(pine)
    keepers.delete_object(Bucket=main.bucket, Key="county/pine/index.age")
    found = listed(main)
    assert {prefix: why for prefix, (_, why, _) in found.items()} == {
        "main/": "",
        "elm/": "",
        "oak/": county.NOT_OPEN,
        "ash/": county.NOT_ITS_OWN,
        "fir/": county.NOT_UNDERSTOOD,
        "yew/": county.TOO_LARGE,
        "pine/": "",  # a delete marker hides it from a plain get, and not from us
    }
    assert {why for _, why, _ in listed(main, 2 * HOUR_NS).values()} >= {county.OLD}
    assert listed(main, 2 * HOUR_NS)["elm/"] == ("Elm", county.OLD, ["26-2"])
    assert listed(main, -HOUR_NS)["elm/"][1] == county.AHEAD
    # The keepers put an index of yesterday over today's: it is read, and told by its age.
    told(elm)
    put("elm", first)
    assert listed(main)["elm/"][2] == ["26-2"] and listed(main, 2 * HOUR_NS)["elm/"][1] == county.OLD
    # One put over by rubbish: the one below is still read.
    put("main", b"rubbish")
    assert listed(main)["main/"] == ("Main", "", [CASE])


def with_own_key(ceph: Ceph, main: Place, elm: Place, *, own_index: bool = True) -> Place:
    """The branch with an access key that may do what docs/offsite.md says, by the store's own rules, and nothing else.

    ``own_index``: without it, as of a branch whose key was made before there was a county.
    """
    name = elm.bucket  # an account of each test's own
    secret = "e" * 40
    ceph.admin(
        "user", "create", f"--uid={name}", "--display-name=elm", f"--access-key={name}", f"--secret-key={secret}"
    )
    root = f"arn:aws:s3:::{main.bucket}"
    index = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"]
    objects = [
        *index,
        "s3:PutObjectLegalHold",
        "s3:GetObjectLegalHold",
        "s3:PutObjectRetention",
        "s3:GetObjectRetention",
    ]
    bucket = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration"]
    who = {"AWS": [f"arn:aws:iam:::user/{name}"]}
    rules = [
        {"Effect": "Allow", "Principal": who, "Action": bucket, "Resource": [root]},
        {"Effect": "Allow", "Principal": who, "Action": objects, "Resource": [f"{root}/elm/*"]},
        {"Effect": "Allow", "Principal": who, "Action": index[:2], "Resource": [f"{root}/county/*"]},
    ]
    if own_index:
        rules.append({"Effect": "Allow", "Principal": who, "Action": index, "Resource": [f"{root}/county/elm/*"]})
    client(main).put_bucket_policy(Bucket=main.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": rules}))
    return msgspec.structs.replace(elm, access_key=name, secret=secret)


def test_an_index_that_the_store_refuses_keeps_no_hold_back(ceph: Ceph, tmp_path: Path) -> None:
    main, elm = branches_of(ceph, "Main", "Elm")
    elm = with_own_key(ceph, main, elm, own_index=False)
    at = Elsewhere(tmp_path, elm, "")
    at.write_hold("H-2026-0001")
    at.record("H-2026-0001", 1)
    (tmp_path / "worker").mkdir()
    worker = Worker(link.Setup(str(tmp_path / "worker"), str(at.shelf), elm, NAME_KEY.hex()))
    worker.wanted = link.Wanted(("H-2026-0001",), rows=(row(),))
    for _ in range(2):
        worker._pass()
        assert worker.keeper.counts("H-2026-0001")[:2] == (1, 0)
        assert worker._health.ok is False and "does not let this key do that" in worker._health.sentence
    since_utc_ns = worker._health.since_utc_ns
    worker._pass()
    assert worker._health.since_utc_ns == since_utc_ns, "after ten minutes it is a repair"
    worker.keeper.close()
    at.close()


def test_an_access_key_needs_no_more_than_the_document_says(ceph: Ceph) -> None:
    """The store's own rules, as docs/offsite.md words them: a key writes its own index alone, and reads all."""
    main, elm = branches_of(ceph, "Main", "Elm")
    elm = with_own_key(ceph, main, elm)
    told(main, row())
    Bucket(elm).look()
    told(elm, row("26-2"))
    told(elm, row("26-3"))
    assert listed(elm) == {"elm/": ("Elm", "", ["26-3"]), "main/": ("Main", "", [CASE])}
    as_main = msgspec.structs.replace(elm, prefix="main/", branch="Main")
    with pytest.raises(Fault, match="does not let this key do that"):
        told(as_main, row())
    with pytest.raises(ClientError, match="AccessDenied"):
        client(elm).delete_object(Bucket=main.bucket, Key="county/main/index.age")


# --- two real recorders ---------------------------------------------------------------------------------------------------


def list_for(who: Client, case: str = "") -> BranchList:
    return who.act(OffsiteList(case))


def test_a_director_sees_what_the_other_branch_holds_for_a_case_and_who_has_no_right_does_not(
    ceph: Ceph, tmp_path: Path
) -> None:
    main, elm = branches_of(ceph, "Main", "Elm")
    one, other = (Service(tmp_path / name, mint=True) for name in ("main", "elm"))
    for service in (one, other):
        settings(service)
    with RtspServer([Mount("door")]) as rtsp, one, other:
        camera = one.add(rtsp.url("door"), "Front entrance")
        other.add(rtsp.url("door"), "Side door")
        one.await_recording(camera)
        people = People(other)
        dora, elmer = People(one).name_director(), people.name_director()
        with pytest.raises(Conflict, match="is not in a county's list"):
            list_for(elmer)
        one.act(OffsiteSetup(main, new_county=True))
        wait_for("the first index", lambda: list(Bucket(main).versions("county/")), 120, 0.5)
        with pytest.raises(Conflict, match="1 other branch is in this bucket already"):
            other.act(OffsiteSetup(elm, new_county=True))
        with pytest.raises(Conflict, match="has another public part"):
            other.act(OffsiteSetup(msgspec.structs.replace(elm, county_key=new_key()[0])))
        # Without the county key itself a branch is listed, and reads nothing.
        other.act(OffsiteSetup(msgspec.structs.replace(elm, county_key="")))
        with pytest.raises(Conflict, match="has no county key"):
            list_for(elmer)
        other.act(OffsiteSetup(elm))
        wait_for("a segment", lambda: one.files(camera), 120)
        hold = place(dora, hold_types.SpanAsk(camera, time.time_ns() - HOUR_NS, None), reference=CASE).id

        def is_told() -> BranchList | None:
            found = list_for(elmer)
            there = [hold.segments for one in found.branches for hold in one.holds if hold.reference == CASE]
            return found if there and len(found.branches) == 2 else None

        found = wait_for("Elm knows of Main's hold", is_told, 120, 0.5)
        (mine,) = (one for one in found.branches if one.ours)
        (theirs,) = (one for one in found.branches if not one.ours)
        assert (mine.branch, theirs.branch, theirs.why) == ("Elm", "Main", "")
        (held,) = theirs.holds
        assert (held.hold, held.reference, held.spans[0].camera) == (hold, CASE, "Front entrance")
        assert [one.branch for one in list_for(elmer, CASE).branches] == ["Main"]
        assert list_for(elmer, "no such case").branches == []

        # The admin sees that, and how much; no case, and no asking for one.
        seen = list_for(other.client)
        assert {one.branch: (one.hold_count, one.holds) for one in seen.branches} == {"Main": (1, ()), "Elm": (0, ())}
        with pytest.raises(Refused, match="for the seats to read"):
            list_for(other.client, CASE)
        people.appoint("amos", "Amos Hart", elmer, "hold", "archive")
        amos = people.client("amos")
        with pytest.raises(Refused):
            list_for(amos)
        with pytest.raises(Refused):
            amos.read(ReadCounty())
        county_row = elmer.read(ReadCounty())
        assert county_row is not None and (county_row.branch, county_row.reads) == ("Elm", True)

        # Each look was written down, also the refused ones; the key itself stands nowhere.
        rows = [entry.entry for entry in elmer.act(LogShow(action="offsite.list", most=500)).entries]
        assert {str(one["outcome"]) for one in rows} >= {"done", "refused"}
        assert [one for one in rows if one.get("incident") == CASE and one["outcome"] == "done"]
        assert found.seq in {int(str(one["seq"])) for one in rows}
        answer = other.client.read(ReadOffsite())
        assert answer is not None and elm.county_key not in str(answer) and answer.place.county == elm.county
        everything = [entry.entry for entry in other.act(LogShow(most=500)).entries]
        register = (other.data / "state" / "register.json").read_text()
        assert elm.county_key not in str(everything) and elm.county_key not in register

        # A restart keeps the key; a lift takes the hold out of the list.
        assert other.stop() == 0
        other.start()
        again = people.client("dora")
        wait_for("the worker is there again", lambda: not list_for(again).fault, 120, 0.5)
        dora.act(hold_types.HoldLift(hold, "over"))

        def states() -> list[str]:
            return [held.state for one in list_for(again).branches for held in one.holds if held.hold == hold]

        wait_for("the lift is told", lambda: states() == ["lifting"], 120, 0.5)
        ceph.stop_gateway()
        assert "cannot be reached" in list_for(again).fault
        ceph.start_gateway()
        for service in (one, other):
            assert faults_in(service.log()) == []


def test_by_command_the_first_branch_makes_the_county_key_and_the_next_is_given_it(ceph: Ceph, tmp_path: Path) -> None:
    where = place_of(ceph)
    with Service(tmp_path / "main") as one, Service(tmp_path / "elm") as other:

        def offsite(service: Service, *words: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "holdshelf_tui.cli", "offsite", *words, "--data", str(service.data)]
            environment = {**os.environ, "THE_SECRET": SECRET_KEY}
            return subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=2 * HANG_S, check=False
            )

        def setup(service: Service, prefix: str, *words: str) -> subprocess.CompletedProcess[str]:
            common = ("--access-key", ACCESS_KEY, "--secret-env", "THE_SECRET", "--prefix", prefix)
            return offsite(service, "setup", where.url, where.bucket, *common, *words)

        made = setup(one, "main", "--branch", "Main", "--json")
        assert made.returncode == 0, made.stderr
        keys = json.loads(made.stdout)
        assert keys["county_key"].startswith("AGE-SECRET-KEY-1") and keys["county"].startswith("age1")
        wait_for("Main has told the others", lambda: list(Bucket(where).versions("county/")), 120, 0.5)
        refused = setup(other, "elm", "--branch", "Elm")
        assert refused.returncode and "1 other branch is in this bucket already" in refused.stderr
        assert "Traceback" not in refused.stderr
        (tmp_path / "county.txt").write_text(keys["county_key"] + "\n")
        given = setup(other, "elm", "--branch", "Elm", "--county-key", str(tmp_path / "county.txt"))
        assert given.returncode == 0, given.stderr
        assert keys["county_key"] not in given.stdout
        # Said again without the key, it stays.
        again = setup(other, "elm", "--branch", "Elm", "--limit", "9MB")
        assert again.returncode == 0, again.stderr

        def both() -> str | None:
            found = offsite(other, "list")
            return found.stdout if found.stdout.count("nothing, as of") == 2 and found.returncode == 0 else None

        shown = wait_for("both are listed", both, 120, 1.0)
        assert "Main (main/): nothing" in shown and "Elm (elm/, this recorder): nothing" in shown
        assert "Entry " in shown
        told_of = offsite(other, "status").stdout
        assert "Branch: Elm, told the others" in told_of
