"""`holdshelf verify`: each thing that can be wrong with a bundle is told apart, in words."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from holdshelf_core.errors import BadRequest
from holdshelf_core.releasing.check import check
from holdshelf_core.releasing.outbox import SIGNATURE, SIGNATURE_SUM, SUMS, sums_text
from holdshelf_core.releasing.sshsig import ReleaseKey

KEY, OTHER = ReleaseKey.generate(), ReleaseKey.generate()


def bundle(folder: Path, *, key: ReleaseKey = KEY, valid_before: str = "", namespace: str = "") -> Path:
    """A small one, as `releasing.bundle` signs it."""
    made = folder / "R-2026-0001"
    (made / "videos").mkdir(parents=True)
    (made / "videos" / "lobby.mp4").write_bytes(b"\0" * 1000)
    (made / "manifest.json").write_text('{"release": "R-2026-0001", "log_key": ""}')
    (made / "gaps.csv").write_text("camera\n")
    (made / "allowed_signers").write_text(key.allowed_signers(valid_before))
    sign(made, key, namespace)
    return made


def sign(made: Path, key: ReleaseKey = KEY, namespace: str = "") -> None:
    files = {str(p.relative_to(made)): p for p in made.rglob("*") if p.is_file() and not p.name.startswith(SUMS)}
    text = sums_text({name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()})
    (made / SUMS).write_text(text)
    put_signature(made, key.sign(text.encode(), namespace) if namespace else key.sign(text.encode()))


def put_signature(made: Path, signature: str) -> None:
    (made / SIGNATURE).write_text(signature)
    digest = hashlib.sha256(signature.encode()).hexdigest()
    (made / SIGNATURE_SUM).write_text(f"{digest}  {SIGNATURE}\n")


def only_problem(made: Path, key: str = "") -> str:
    (problem,) = check(made, key).problems
    return problem


def test_a_whole_one_is_whole_as_folder_and_as_zip_and_its_origin_is_proved_by_the_receipt_alone(
    tmp_path: Path,
) -> None:
    made = bundle(tmp_path)
    report = check(made)
    assert (report.problems, report.release, report.files) == ([], "R-2026-0001", 4)
    assert not report.proven_origin
    assert check(made, KEY.fingerprint).proven_origin
    packed = tmp_path / "b.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(p for p in made.rglob("*") if p.is_file()):
            archive.write(path, f"R-2026-0001/{path.relative_to(made)}")
    assert check(packed, KEY.fingerprint).problems == []


def test_wrong_namespace(tmp_path: Path) -> None:
    assert "another purpose: its namespace is 'file'" in only_problem(bundle(tmp_path, namespace="file"))


def test_other_key_than_on_the_receipt_and_other_key_than_the_bundle_names(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    assert "another key: " in only_problem(made, OTHER.fingerprint)
    assert "not the library's" in only_problem(made, OTHER.fingerprint)
    sign(made, OTHER)
    assert "than allowed_signers names" in only_problem(made)
    forged = bundle(tmp_path / "forged", key=OTHER)
    assert check(forged).problems == [], "inside, it is sound: only the paper tells"
    assert "not the library's" in only_problem(forged, KEY.fingerprint)


def test_expired_key(tmp_path: Path) -> None:
    assert "expired: it was good until 2020-01-01" in only_problem(bundle(tmp_path, valid_before="20200101Z"))
    assert check(bundle(tmp_path / "later", valid_before="20990101Z")).problems == []


def test_missing_extra_changed_and_reordered(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    video = made / "videos" / "lobby.mp4"
    video.write_bytes(b"\0" * 999 + b"\1")
    assert only_problem(made) == "The file 'videos/lobby.mp4' was changed after it was signed."
    video.unlink()
    assert only_problem(made) == "The file 'videos/lobby.mp4' is missing."
    video.write_bytes(b"\0" * 1000)
    (made / "videos" / "extra.mp4").touch()
    assert only_problem(made) == "'videos/extra.mp4' is here and was not released."
    (made / "videos" / "extra.mp4").unlink()
    (made / "link").symlink_to("/etc/passwd")
    assert "'link' is here and was not released" in only_problem(made)
    (made / "link").unlink()
    sums = (made / SUMS).read_text().splitlines(keepends=True)
    (made / SUMS).write_text("".join(reversed(sums)))
    assert "another order" in only_problem(made)
    (made / SUMS).write_text("".join(sums[1:]))
    problems = check(made).problems
    assert any("not what was signed" in one for one in problems)
    assert any("was not released" in one for one in problems)


def test_signature_gone_damaged_or_of_other_bytes(tmp_path: Path) -> None:
    made = bundle(tmp_path)
    whole = (made / SIGNATURE).read_text()
    put_signature(made, KEY.sign(b"something else"))
    assert "not what was signed" in only_problem(made)
    put_signature(made, whole.replace("BEGIN", "BEGUN"))
    assert "is no signature" in only_problem(made)
    (made / SIGNATURE).write_text(whole.replace("\n-----END", "\n\n-----END"))
    assert any(SIGNATURE_SUM in one for one in check(made).problems)
    (made / SIGNATURE).unlink()
    assert only_problem(made).startswith(f"{SIGNATURE} is missing")
    (made / SUMS).unlink()
    assert only_problem(made).startswith(f"{SUMS} is missing")


def test_what_is_no_bundle_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "note.zip").write_bytes(b"PK nonsense")
    for path, words in ((tmp_path / "note.zip", "no zip of a bundle"), (tmp_path / "none", "There is no bundle")):
        with pytest.raises(BadRequest, match=words):
            check(path)
    with pytest.raises(BadRequest, match="fingerprint"):
        check(bundle(tmp_path), "eiKGxX92")
    shutil.rmtree(tmp_path / "R-2026-0001")
