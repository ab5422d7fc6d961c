"""Of the services that Apprise knows, the sender loads those that its ways have."""

from __future__ import annotations

import json
import subprocess
import sys

# In a process of its own: Apprise is bounded for the whole process.
SCRIPT = """
import json, sys
from holdshelf_core.alerts.by_apprise import Apprise
from holdshelf_core.alerts.types import AppriseWay
found = []
for url in sys.argv[1:]:
    way = Apprise(AppriseWay(name="a", service=url.partition(":")[0], secret=url))
    found.append((way._problem, len([name for name in sys.modules if name.startswith("apprise.plugins.")])))
print(json.dumps(found))
"""
URLS = ["ntfys://a-topic", "json://192.0.2.7/x", "mailtos://user:pass@example.com", "nosuchservice://x"]


def test_a_way_loads_its_own_service_and_what_none_understands_is_tried_with_all() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT, *URLS], capture_output=True, text=True, check=True)
    *known, unknown = [(problem, count) for problem, count in json.loads(ran.stdout)]
    assert [problem for problem, _ in known] == ["", "", ""]
    assert known[0][1] < known[1][1] < known[2][1] < 30, "each has loaded something, and no way all"
    assert "does not understand" in unknown[0] and unknown[1] > 100
