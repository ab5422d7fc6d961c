"""What importing the integration costs the service, and that it is what core's loader expects."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points, version
from importlib.resources import files
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import holdshelf_onvif
from tests.rig.hang import HANG_S

ROOT = Path(__file__).parents[2]


def in_a_fresh_interpreter(code: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=HANG_S
    )
    return ran.stdout


def test_importing_it_imports_neither_zeep_nor_the_onvif_package() -> None:
    code = (
        "import sys, holdshelf_onvif, holdshelf_onvif.config_flow, holdshelf_onvif.diagnostics, holdshelf_onvif.client\n"
        "print(sorted({m.partition('.')[0] for m in sys.modules}"
        " & {'zeep', 'onvif', 'lxml', 'httpx', 'requests', 'wsdiscovery', 'av', 'ipycam'}))"
    )
    assert in_a_fresh_interpreter(code) == "[]\n"


def test_a_search_does_not_import_zeep_either() -> None:
    code = (
        "import asyncio, sys\nfrom holdshelf_onvif.discovery import async_discover\n"
        "asyncio.run(async_discover(['127.0.0.1:9'], 0.1))\nprint('zeep' in sys.modules)"
    )
    assert in_a_fresh_interpreter(code) == "False\n"


def test_the_first_question_installs_no_log_handler_and_keeps_the_proxy_variables() -> None:
    code = (
        "import asyncio, logging, os, sys\nos.environ['http_proxy'] = 'http://127.0.0.1:9'\n"
        "from holdshelf_onvif.client import OnvifClient\n"
        "async def ask():\n"
        "    async with OnvifClient('http://127.0.0.1:9/', None, None) as client:\n"
        "        try: await client.async_clock()\n"
        "        except Exception as error: print(type(error).__name__)\n"
        "asyncio.run(ask())\n"
        "print('zeep' in sys.modules, logging.getLogger().handlers, logging.getLogger().level, os.environ['http_proxy'])"
    )
    assert in_a_fresh_interpreter(code) == "PortClosed\nTrue [] 30 http://127.0.0.1:9\n"


def test_core_finds_it_by_its_entry_point() -> None:
    (point,) = entry_points(group="holdshelf.integrations", name="onvif")
    module = point.load()
    assert module is holdshelf_onvif
    assert callable(module.async_setup_entry)
    assert callable(module.async_unload_entry)


def test_its_manifest_names_what_is_installed() -> None:
    manifest = json.loads((files("holdshelf_onvif") / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["domain"] == holdshelf_onvif.DOMAIN
    for requirement in map(Requirement, manifest["requirements"]):
        assert requirement.specifier.contains(version(requirement.name)), requirement


def test_the_folder_around_it_is_no_package() -> None:
    assert not (ROOT / "onvif" / "__init__.py").exists()
    assert "site-packages" in in_a_fresh_interpreter(
        "import sys; sys.path.insert(0, '.'); import onvif; print(onvif.__file__)"
    )


@pytest.mark.parametrize("module", sorted(p.stem for p in (ROOT / "onvif/holdshelf_onvif").glob("*.py")))
def test_only_the_client_names_zeep_onvif_and_lxml(module: str) -> None:
    source = (ROOT / f"onvif/holdshelf_onvif/{module}.py").read_text(encoding="utf-8")
    imports = [
        line.split()[1].partition(".")[0]
        for line in source.splitlines()
        if line.strip().startswith(("import ", "from "))
    ]
    assert module == "client" or not {"zeep", "onvif", "lxml"} & set(imports)
