"""A key that somebody wrote into the Director's row opens no door; the real service, the real ssh."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from holdshelf_core.access_log.types import RegisterSettle
from tests.tui.ssh.door_rig import door_house


def test_p11_a_key_written_into_the_register_logs_nobody_in_and_the_director_waits_until_it_is_settled(
    tmp_path: Path,
) -> None:
    with door_house(tmp_path) as rig:
        assert rig.run("dora", "status").code == 0
        stolen = {"fingerprint": rig.fingerprint("mallory"), "kind": "ssh-ed25519", "line": "", "added_utc_ns": 0}
        stolen["line"] = " ".join(rig.public("mallory").split()[:2])
        rig.service.stop()
        path = rig.service.data / "state" / "register.json"
        tables = json.loads(path.read_bytes())["tables"]
        for person in tables["people"].values():
            person["row"]["keys"].append(stolen)
        raw = json.dumps(tables, separators=(",", ":")).encode()
        path.write_bytes(b'{"schema":1,"sha256":"%s","tables":%s}\n' % (hashlib.sha256(raw).hexdigest().encode(), raw))
        rig.service.start()
        assert rig.run("dora", "status", key="mallory").code != 0
        waits = rig.run("dora", "status")
        assert waits.code != 0 and "changed without an entry in the access log" in waits.said
        rig.service.act(RegisterSettle("found on 3 March"))
        assert rig.run("dora", "status").code == 0
        assert rig.run("dora", "status", key="mallory").code != 0
