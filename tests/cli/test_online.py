"""Commands on the running system as they are typed: help, completion, one clear line where there is no server."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli import connecting
from cli.main import COMMANDS

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPTS = Path(sys.executable).parent
HEAVY = {"jsone", "jsonschema", "pydantic", "rich", "ruamel", "temporalio", "worker_manager"}
VISIBLE = [each for each in COMMANDS if not each.startswith("_")]
MINE = ["check", "diff", "apply", "status", "explain", "watch", "history", "restore", "links", "completion"]


@pytest.fixture
def closed_address() -> str:
    """An address of this machine at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


def run(script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}", "TEMPORAL_CONFIG_FILE": os.devnull}
    return subprocess.run(
        [str(SCRIPTS / script), *words],
        env={**os.environ, **settings, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_of_every_command_imports_nothing_heavy():
    """Completion and help run often: Temporal alone would take longer than all of it."""
    script = (
        "import sys; from click.testing import CliRunner; from cli.main import cli\n"
        f"for each in {MINE!r}: result = CliRunner().invoke(cli, [each, '--help']); assert result.exit_code == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert set() == HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("command", MINE)
def test_help_tells_the_exit_codes(command, wm):
    assert "Exit code" in wm(command, "--help").stdout


@pytest.mark.parametrize(
    "words",
    [["check"], ["diff"], ["apply"], ["explain", "a"], ["watch"], ["history", "a"], ["restore", "a", "1"]],
)
def test_no_server_is_one_clear_line(words, wm, write, worker_type_text, tmp_path, closed_address):
    write("a.yml", worker_type_text)
    folder = [tmp_path] if words[0] in ("check", "diff", "apply") else []
    result = wm(*words, *folder, "--address", closed_address)
    text = f"Error: no Temporal server at {closed_address}; start one (./wm demo), or give --address"
    assert (1, "", [text]) == (result.exit_code, result.stdout, result.stderr.splitlines())


@pytest.mark.parametrize("words", [["diff"], ["diff", "/no/such/folder"], ["diff", ".", "--nope"]])
def test_a_diff_typed_wrongly_does_not_look_like_differences(words, wm):
    assert 1 == wm(*words).exit_code


def test_only_worker_types_are_watched(wm):
    assert 2 == wm("watch", "shared-config:images").exit_code


def test_check_is_content_without_a_server_unless_one_is_configured(
    wm, write, worker_type_text, tmp_path, closed_address, monkeypatch
):
    write("a.yml", worker_type_text)
    monkeypatch.setitem(connecting.DEFAULTS, "target_host", closed_address)
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)
    result = wm("check", tmp_path)
    assert (0, "wm: checked against the directory alone\n") == (result.exit_code, result.stderr)
    monkeypatch.setenv("TEMPORAL_ADDRESS", closed_address)
    assert 1 == wm("check", tmp_path).exit_code


def test_check_tells_what_is_proven_and_what_fits_today(wm, write, worker_type_text, shared_config_text, tmp_path):
    whole = worker_type_text.partition("regions:\n")[0] + "regions: {$eval: context.images}\n"
    whole += "instanceTypes: [{instanceType: m5.large, capacity: 1, utility: 1}]\n"
    write("a.yml", whole)
    write("b.yml", whole.replace("sample", "other").replace("context.images", "'context.images[0:1]'"))
    write("images.yml", shared_config_text)
    result = wm("check", tmp_path, "--offline")
    assert 0 == result.exit_code, result.output
    assert "worker type sample\n  /regions: images: proven\n" in result.stdout
    assert "worker type other\n  /regions: images: checked for today's value (stands inside an expression)" in (
        result.stdout
    )
    assert (
        "3 documents, no problems; references: 1 proven, 1 checked for today's value" == result.stdout.splitlines()[-1]
    )


@pytest.mark.parametrize("form", ["json", "github", "text"])
def test_check_tells_problems_at_their_places_in_every_form(form, wm, write, worker_type_text, tmp_path):
    path = write("a.yml", worker_type_text.replace("maxCapacity: 5", "maxCapacity: five"))
    result = wm("check", tmp_path, "--offline", "-o", form)
    places = {"json": f'"file": "{path}", "line": 4', "github": f"file={path},line=4,", "text": f"{path}:4:14: error: "}
    assert (1, True) == (result.exit_code, places[form] in result.stdout)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["res"], ["restore"]),
        (["-o", "json", "wat"], ["watch"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["apply", "--prov"], ["--providers"]),
        (["status", "-o", "js"], ["json", "jsonl"]),
    ],
)
def test_words_are_completed_as_the_temporal_cli_asks(words, expected, wm):
    *lines, directive = wm("__complete", *words).stdout.splitlines()
    assert (expected, ":4") == ([each.partition("\t")[0] for each in lines], directive)


def test_paths_are_left_to_the_shell(wm):
    assert [":0"] == wm("__complete", "apply", "").stdout.splitlines()


def test_names_are_not_waited_for_where_no_server_is(wm, closed_address):
    assert [":4"] == wm("__complete", "status", "--address", closed_address, "").stdout.splitlines()


def test_the_temporal_cli_completes_us():
    done = run("temporal", "__complete", "wm", "res")
    assert ("restore", ":4") == tuple(each.partition("\t")[0] for each in done.stdout.splitlines()[:2]), done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_wm(shell, wm):
    script = wm("completion", shell)
    assert (0, True) == (script.exit_code, f"_WM_COMPLETE={shell}_complete" in script.stdout)


def test_bash_completes_by_the_script():
    script = run("wm", "completion", "bash").stdout
    probe = f'{script}\nCOMP_WORDS=(wm res); COMP_CWORD=1; _wm_completion wm; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "-c", probe],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"},
    )
    assert "restore" == done.stdout.strip(), done.stderr
