"""Every pattern of every published and derived schema means something in Python and in JavaScript."""

import json
import re
import subprocess

COMPILE = """
const patterns = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const refused = patterns.filter(each => { try { new RegExp(each, 'u'); return false } catch { return true } });
console.log(JSON.stringify(refused));
"""


def patterns(value):
    if isinstance(value, dict):
        yield from (value["pattern"],) if isinstance(value.get("pattern"), str) else ()
        yield from value["patternProperties"] if isinstance(value.get("patternProperties"), dict) else ()
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from patterns(each)


def refused_by_javascript(node, found):
    """The flag `u` is what JSON Schema recommends, and what ajv and yaml-language-server set."""
    done = subprocess.run([node, "-e", COMPILE], input=json.dumps(found), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_pattern_compiles_in_python_and_in_javascript(node, reference_files):
    found = sorted({each for text in reference_files.values() for each in patterns(json.loads(text))})
    assert len(found) > 20
    assert [] == refused_by_javascript(node, found)
    for each in found:
        re.compile(each)


def test_a_pattern_that_javascript_refuses_is_seen(node):
    assert [r"a\-b", r"^a\Z"] == refused_by_javascript(node, ["^a-b$", r"a\-b", r"^a\Z"])
