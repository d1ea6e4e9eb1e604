"""The import rules of the design hold, and the contracts that hold them do bite.

The contracts themselves are in pyproject.toml (`[tool.importlinter]`) and run as `lint-imports` in CI. Here: what
import-linter cannot say (worker.py is no package; each provider folder and its own SDK), and a made-up tree with one
offence against every contract, so that a contract which stopped catching anything would be noticed.
"""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}

# Which SDK belongs to which provider folder; a kind not named here may import none of them.
SDKS = {"aws": {"boto3", "botocore", "mypy_boto3_ec2"}, "google": {"google"}, "azure": {"azure"}}
ALL_SDKS = set().union(*SDKS.values())

# A tree that follows every rule: module -> its source.
LAWFUL = {
    "schemas/loader.py": "import json",
    "worker_manager/model.py": "",
    "worker_manager/errors.py": "",
    "worker_manager/provider.py": "import worker_manager.model",
    "worker_manager/pacing.py": "",
    "worker_manager/config.py": "import schemas.loader, worker_manager.model",
    "worker_manager/kinds.py": "import importlib",
    "worker_manager/providers/__init__.py": "",
    "worker_manager/providers/aws/__init__.py": "",
    "worker_manager/providers/aws/shapes.py": "import worker_manager.model",
    "worker_manager/providers/aws/provider.py": (
        "import boto3, worker_manager.errors, worker_manager.provider, worker_manager.pacing\n"
        "import worker_manager.providers.aws.shapes"
    ),
    "worker_manager/providers/google/__init__.py": "import worker_manager.provider",
    "activities/fleet.py": "import temporalio, worker_manager.kinds, schemas.loader",
    "workflows/worker_type.py": "import temporalio, activities.fleet, worker_manager.model",
    "emulators/ec2.py": "import moto",
    "cli/demo.py": "import emulators.ec2, workflows.worker_type, worker_manager.config",
}

# Contract id -> one offence against it: the module, and the import added to it.
OFFENCES = {
    "layers": ("worker_manager/model.py", "import activities.fleet"),
    "root": ("cli/demo.py", "import worker"),
    "emulators-users": ("activities/fleet.py", "import emulators.ec2"),
    "emulators-alone": ("emulators/ec2.py", "import worker_manager.model"),
    "providers-by-kind": ("worker_manager/kinds.py", "import worker_manager.providers.aws"),
    "providers-apart": ("worker_manager/providers/google/__init__.py", "import worker_manager.providers.aws.shapes"),
    "providers-imports": ("worker_manager/providers/aws/shapes.py", "import worker_manager.config"),
    "domain-without-temporal": ("worker_manager/config.py", "import temporalio.workflow"),
    "domain-without-clouds": ("worker_manager/kinds.py", "import boto3"),
}


def lint(tree: dict[str, str], folder: Path) -> dict[str, bool]:
    """Write `tree` and run our contracts on it; contract name -> kept."""
    for package in PYPROJECT["tool"]["importlinter"]["root_packages"]:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()
    for path, source in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(source + "\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run([*command, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    return {
        match["name"]: match["word"] == "KEPT"
        for match in re.finditer(r"^(?P<name>\S.*) (?P<word>KEPT|BROKEN)\b", plain, re.MULTILINE)
    }


def test_a_tree_as_designed_keeps_every_contract(tmp_path: Path) -> None:
    kept = lint(LAWFUL, tmp_path)
    assert {contract["name"]: True for contract in CONTRACTS.values()} == kept


@pytest.mark.parametrize("contract", sorted(OFFENCES))
def test_every_contract_catches_an_offence(contract: str, tmp_path: Path) -> None:
    path, offence = OFFENCES[contract]
    kept = lint(LAWFUL | {path: f"{LAWFUL[path]}\n{offence}"}, tmp_path)
    assert kept[CONTRACTS[contract]["name"]] is False


def test_no_contract_is_untested() -> None:
    assert set(CONTRACTS) == set(OFFENCES)


def test_workflows_init_is_empty() -> None:
    """Under the sandbox, an `__init__` that imports sibling workflows fails."""
    assert (ROOT / "workflows" / "__init__.py").read_bytes() == b""


def test_provider_folders_import_their_own_sdk_alone() -> None:
    graph = grimp.build_graph("worker_manager", include_external_packages=True, cache_dir=None)
    folders = graph.find_children("worker_manager.providers") if "worker_manager.providers" in graph.modules else set()
    foreign = {
        f"{module} imports {imported}"
        for folder in folders
        for module in {folder, *graph.find_descendants(folder)}
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.partition(".")[0] in ALL_SDKS - SDKS.get(folder.rpartition(".")[2], set())
    }
    assert set() == foreign


def test_the_composition_root_names_no_provider_emulator_or_sdk() -> None:
    """worker.py enables providers by their records, so a new cloud never edits it."""
    tree = ast.parse((ROOT / "worker.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    forbidden = ALL_SDKS | {"cli", "emulators"}
    named = {
        name for name in imported if name.partition(".")[0] in forbidden or name.startswith("worker_manager.providers.")
    }
    assert set() == named
