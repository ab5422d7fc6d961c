"""Others read what we sign and publish, and we read what they sign: Go's sumdb/note and sumdb/tlog, and sigsum's witness.

Soak: Debian's packages are taken (60 MB), as they are, without installing them; Go compiles.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

from holdshelf_core.witnesses import client
from holdshelf_core.witnesses.protocol import Submission
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import Head, Signature, parse_note, parse_signatures
from holdshelf_storage.access_log.cosignature import WitnessKey, WitnessSigner
from holdshelf_storage.access_log.proof import proof_of_export
from holdshelf_storage.access_log.tiles import TileFolder
from tests.service import free_port, wait_for
from tests.storage.access_log.log_parts import entry

pytestmark = pytest.mark.soak
READER = """
package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A cosigner's key, of type 4, which sumdb/note leaves to others.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(msg, sig []byte) bool {
	at := binary.BigEndian.Uint64(sig)
	return ed25519.Verify(c.key, []byte(fmt.Sprintf("cosignature/v1\\ntime %d\\n%s", at, msg)), sig[8:])
}

func main() {
	log, err := note.NewVerifier(os.Args[1])
	if err != nil {
		panic(err)
	}
	verifiers := []note.Verifier{log}
	for _, vkey := range os.Args[2:] {
		parts := strings.SplitN(vkey, "+", 3)
		hash, _ := strconv.ParseUint(parts[1], 16, 32)
		raw, _ := base64.StdEncoding.DecodeString(parts[2])
		verifiers = append(verifiers, cosigner{parts[0], uint32(hash), raw[1:]})
	}
	text, _ := io.ReadAll(os.Stdin)
	found, err := note.Open(text, note.VerifierList(verifiers...))
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(1)
	}
	for _, one := range found.Sigs {
		fmt.Println("signed", one.Name)
	}
	for _, one := range found.UnverifiedSigs {
		fmt.Println("unknown", one.Name)
	}
}
"""

TILES = """
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A folder of c2sp.org/tlog-tiles; sumdb's paths name the height as well.
type folder string

func (f folder) read(path string) []byte {
	data, err := os.ReadFile(filepath.Join(string(f), strings.Replace(path, "tile/8/", "tile/", 1)))
	if err != nil {
		panic(err)
	}
	return data
}

func (f folder) Height() int { return 8 }
func (f folder) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		data = append(data, f.read(tile.Path()))
	}
	return data, nil
}
func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func hash(text string) (found tlog.Hash) {
	raw, _ := base64.StdEncoding.DecodeString(text)
	copy(found[:], raw)
	return found
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// FOLDER OLD-SIZE OLD-ROOT PROOF...
func main() {
	f := folder(os.Args[1])
	head := strings.Split(string(f.read("checkpoint")), "\\n")
	size, err := strconv.ParseInt(head[1], 10, 64)
	must(err)
	tree := tlog.Tree{N: size, Hash: hash(head[2])}
	hashes := tlog.TileHashReader(tree, f) // proves whatever it reads against the tree
	lines := 0
	for n := int64(0); n < size; n += 256 {
		tile := tlog.Tile{H: 8, L: -1, N: n / 256, W: int(min(256, size-n))}
		data := f.read(strings.Replace(tile.Path(), "data", "entries", 1))
		for at := n; len(data) > 0; at++ {
			long := int(binary.BigEndian.Uint16(data))
			found, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, at)})
			must(err)
			if found[0] != tlog.RecordHash(data[2:2+long]) {
				panic(at)
			}
			data = data[2+long:]
			lines++
		}
	}
	old, err := strconv.ParseInt(os.Args[2], 10, 64)
	must(err)
	proof, err := tlog.ProveTree(size, old, hashes)
	must(err)
	must(tlog.CheckTree(proof, size, tree.Hash, old, hash(os.Args[3])))
	for _, name := range os.Args[4:] {
		text, err := os.ReadFile(name)
		must(err)
		begin, note, _ := strings.Cut(string(text), "\\n\\n")
		rows, head := strings.Split(begin, "\\n"), strings.Split(note, "\\n")
		line, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(rows[1], "extra "))
		must(err)
		index, err := strconv.ParseInt(strings.TrimPrefix(rows[2], "index "), 10, 64)
		must(err)
		var path tlog.RecordProof
		for _, row := range rows[3:] {
			path = append(path, hash(row))
		}
		n, err := strconv.ParseInt(head[1], 10, 64)
		must(err)
		must(tlog.CheckRecord(path, n, hash(head[2]), index, tlog.RecordHash(line)))
	}
	fmt.Println(lines, "entries,", len(os.Args)-4, "proofs")
}
"""


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Debian's Go, its library and sigsum's programs."""
    folder = tmp_path_factory.mktemp("debian")
    told = subprocess.run(["apt-cache", "show", "golang-go"], check=True, capture_output=True, text=True).stdout
    version = re.search(r"golang-(\d\.\d+)-go", told)
    assert version is not None
    go = f"golang-{version[1]}"
    packages = (f"{go}-go", f"{go}-src", "golang-golang-x-mod-dev", "sigsum-go")
    subprocess.run(["apt-get", "download", *packages], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        package.unlink()
    (folder / "go").symlink_to(folder / "usr" / "lib" / f"go-{version[1]}")
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AccessLog]:
    log = AccessLog.open(tmp_path)
    for number in range(70):
        log.append(*entry(number))
    yield log
    log.close()


def compiled(debian: Path, folder: Path, source: str) -> Path:
    """A program in Go."""
    (folder / "main.go").write_text(source)
    env = {
        **os.environ,
        "GOROOT": str(debian / "go"),
        "GOPATH": str(debian / "usr" / "share" / "gocode"),
        "GOCACHE": str(folder / "cache"),
        "GO111MODULE": "off",
    }
    program = folder / "reader"
    subprocess.run([debian / "go" / "bin" / "go", "build", "-o", program, "main.go"], cwd=folder, env=env, check=True)
    return program


def test_gos_sumdb_note_reads_our_countersigned_heads(debian: Path, log: AccessLog, tmp_path: Path) -> None:
    program = compiled(debian, tmp_path, READER)
    note = log.head()
    oak, elm = (WitnessSigner(name, Ed25519PrivateKey.generate()) for name in ("oak.example/w", "elm.example/w"))
    head = parse_note(note).head
    signed = note + oak.sign(head, 1_800_000_000).line() + elm.sign(head, 1_800_000_000).line()

    def read(text: str, *keys: object) -> tuple[int, list[str]]:
        words = [program, str(log.public_key), *map(str, keys)]
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    origin = head.origin
    assert read(note) == (0, [f"signed {origin}"])
    assert read(signed) == (0, [f"signed {origin}", "unknown oak.example/w", "unknown elm.example/w"])
    assert read(signed, oak.public, elm.public) == (
        0,
        [f"signed {name}" for name in (origin, "oak.example/w", "elm.example/w")],
    )
    forged = note + oak.sign(Head(origin, 71, head.root), 1_800_000_000).line()
    assert read(forged, oak.public)[0] == 1


def test_gos_sumdb_tlog_reads_our_tiles_and_proofs(debian: Path, log: AccessLog, tmp_path: Path) -> None:
    for number in range(70, 700):
        log.append(*entry(number))
    published, old, proofs = tmp_path / "published", log.root_at(300), []
    for size in (300, 700):
        note = log.head() if size == 700 else _head_at(log, size)
        tiles = TileFolder(published, log.public_key)
        with tiles.locked():
            tiles.write(log.export_blocks(public=True, first=tiles.first, last=size), parse_note(note).head, note)
    for seq in (1, 256, 257, 699, 700):
        proofs.append(tmp_path / f"entry-{seq}.tlog-proof")
        proofs[-1].write_text(proof_of_export(log.export_blocks(public=True, first=seq, last=seq)).text())
    program = compiled(debian, tmp_path, TILES)

    def read(root: bytes = old) -> subprocess.CompletedProcess[str]:
        words = [program, published, "300", base64.b64encode(root).decode(), *proofs]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    done = read()
    assert (done.returncode, done.stdout) == (0, "700 entries, 5 proofs\n"), done.stderr
    assert read(bytes(32)).returncode != 0
    tile = published / "tile" / "0" / "001"
    tile.write_bytes(tile.read_bytes()[:-1] + b"\0")
    assert read().returncode != 0


def _head_at(log: AccessLog, size: int) -> str:
    """The log's head when it had so many entries."""
    return log._writer.key.sign(size, log.root_at(size))


async def test_sigsums_witness_signs_what_we_send_and_we_read_its_signature(
    debian: Path, log: AccessLog, tmp_path: Path
) -> None:
    # It knows logs of sigsum alone, by their names: the tree is ours, under such a name.
    programs = debian / "usr" / "bin"
    subprocess.run([programs / "sigsum-key", "generate", "-o", tmp_path / "witness"], check=True)
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    (tmp_path / "log.pub").write_bytes(
        private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n"
    )
    origin = f"sigsum.org/v1/tree/{hashlib.sha256(public).hexdigest()}"

    def signed(size: int) -> tuple[Head, str]:
        head = Head(origin, size, log.root_at(size))
        key_hash = hashlib.sha256(origin.encode() + b"\n\x01" + public).digest()[:4]
        return head, f"{head.text()}\n{Signature(origin, key_hash, private.sign(head.text().encode())).line()}"

    port = free_port()
    files = ["-k", "witness", "--log-key", "log.pub", "--state-file", "state"]
    process = subprocess.Popen(
        [programs / "sigsum-witness", *files, f"127.0.0.1:{port}"],
        cwd=tmp_path,
        env={**os.environ, "GODEBUG": "httpmuxgo121=0"},
    )
    try:
        address = f"http://127.0.0.1:{port}"

        async def submit(old: int, proof: list[bytes], note: str) -> client.Answer:
            return await client.async_submit(address, Submission(old, tuple(proof), note))

        head, note = signed(20)

        async def up() -> client.Answer | None:
            try:
                return await submit(0, [], note)
            except client.NotAnswered:
                return None

        answer = None
        for _ in range(300):
            if (answer := await up()) is not None:
                break
            wait_for("a moment", lambda: True, every=0.1)
        assert answer is not None and answer.status == 200, answer
        raw = load_ssh_public_key((tmp_path / "witness.pub").read_bytes()).public_bytes(Encoding.Raw, PublicFormat.Raw)
        (line,) = parse_signatures(answer.text.removesuffix("\n").split("\n"))
        assert WitnessKey(line.name, raw).check(head, line) > 1_700_000_000
        later, note = signed(70)
        assert await submit(0, [], note) == (409, "20\n")
        assert (await submit(20, log.consistency_proof(20, 69), note)).status == 422
        answer = await submit(20, log.consistency_proof(20, 70), note)
        (line,) = parse_signatures(answer.text.removesuffix("\n").split("\n"))
        assert WitnessKey(line.name, raw).check(later, line) > 1_700_000_000
    finally:
        process.kill()
        process.wait()
