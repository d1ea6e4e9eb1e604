"""Faults of expressions: references to what is not there or does not fit; JSON-e that cannot be read, run or ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.corpus.cases import Case, changed

# Many letters from few: each level is ten times the one within.
BOMB: Any = {"$eval": "x"}
for _ in range(12):
    BOMB = {"$map": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "each(x)": BOMB}
# base, where, the template, and where within it the fault is found: "!" the whole member that it stands in, "@" its key
REFERENCES: tuple[tuple[str, str, Any, str], ...] = (
    ("docker-small", "/regions", {"$eval": "context.aws-docker-region"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context.AWS-Docker-Regions"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context.aws_docker_regions"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context.nothing-like-it"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context.docker-small"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context['aws-docker-regoins']"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context.aws-docker-regions + []"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context.aws-docker-regions[0]"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "Context.aws_docker_regions"}, ""),
    ("docker-small", "/regions", {"$eval": "aws-docker-regions"}, ""),
    ("docker-small", "/regions", {"$eval": "context"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context['aws-' + 'docker-regions']"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context[workerType]"}, "/$eval"),
    ("docker-small", "/regions", {"$eval": "context.aws-tags"}, ""),
    ("docker-small", "/regions", {"$eval": "context.aws-small-instance-types"}, ""),
    ("docker-small", "/regions", "context.aws-docker-regions", ""),
    ("docker-small", "/regions", "${context.aws-docker-regions}", ""),
    ("docker-small", "/tags", {"$eval": "context.aws-docker-user-data"}, ""),
    ("docker-small", "/lifecycle", {"$eval": "context.aws-tags"}, ""),
    ("docker-small", "/userData/note", "see ${context.nothing}", ""),
    ("docker-release", "/regions/$map", {"$eval": "context['aws-docker-region']"}, "/$eval"),
    ("docker-release", "/regions/each(entry)/then", {"$eval": "context.nothing"}, "/$eval"),
    (
        "docker-release",
        "/description",
        {"$if": "false", "then": {"$eval": "context.aws-tag"}, "else": "x"},
        "/then/$eval",
    ),
    ("gecko-t-linux-large", "/regions", {"$eval": "context.aws_regions_dw_hvm_builder_curent"}, "/$eval"),
    ("gecko-t-linux-large", "/regions", {"$eval": "context.aws_azs"}, ""),
    ("gecko-t-linux-large", "/instanceTypes", {"$eval": "context.aws_instance_types_m3_large.json"}, ""),
    ("gcp-linux-docker", "/zones", {"$eval": "context.google-zone-us"}, "/$eval"),
    ("gcp-linux-docker", "/zones", {"$eval": "context.google-images"}, ""),
    ("gcp-linux-docker", "/images", {"$eval": "context.google_images"}, "/$eval"),
    ("gcp-linux-docker", "/images", {"$eval": "!context.google-images"}, "/$eval"),
    ("gcp-gpu-test", "/zones/$map", {"$eval": "context"}, "/$eval"),
    ("azure-linux-build", "/locations", {"$eval": "context.azure-europeen-locations"}, "/$eval"),
    ("azure-linux-build", "/images", {"$eval": "context.azure-european-locations"}, ""),
    ("azure-windows-test", "/locations", [{"$eval": "context['azure-european-locations'][2]"}], "/0"),
    ("sleepers", "/instanceTypes", {"$eval": "context.local-sleeper"}, "/$eval"),
    ("greeters", "/instanceTypes/$map", {"$eval": "context.local-sleepers[:1]"}, "/$eval"),
)
EXPRESSIONS: tuple[tuple[str, str, Any, str], ...] = (
    ("docker-small", "/description", {"$eval": "1 +"}, "/$eval"),
    ("docker-small", "/description", {"$eval": ""}, "/$eval"),
    ("docker-small", "/description", {"$eval": "'open"}, "/$eval"),
    ("docker-small", "/description", {"$eval": "(1"}, "/$eval"),
    ("docker-small", "/description", {"$eval": "1 2"}, "/$eval"),
    ("docker-small", "/description", {"$eval": "a ? b : c"}, "/$eval"),
    ("docker-small", "/description", {"$eval": 5}, "/$eval"),
    ("docker-small", "/description", "for ${workerType", ""),
    ("docker-small", "/description", "for ${}", ""),
    ("docker-small", "/description", "for ${workerType}", ""),
    ("docker-small", "/description", "${[1, 2]}", ""),
    ("docker-small", "/description", {"$eval": "1 == 1"}, ""),
    ("docker-small", "/regions", {"$evla": "context.aws-docker-regions"}, "/$evla"),
    ("docker-small", "/regions", {"$ref": "aws-docker-regions"}, "/$ref"),
    ("docker-small", "/regions", {"$eval": "context.aws-docker-regions", "default": []}, ""),
    ("docker-small", "/minCapacity", {"$eval": "2 / 0"}, ""),
    ("docker-small", "/minCapacity", {"$eval": "'2' + 1"}, ""),
    ("docker-small", "/minCapacity", {"$eval": "[1][3]"}, ""),
    ("docker-small", "/minCapacity", {"$eval": "maxCapacity / 2"}, ""),
    ("docker-small", "/minCapacity", {"$eval": "5 / 2"}, ""),
    ("docker-small", "/minCapacity", {"$eval": "-1 * 4"}, ""),
    ("docker-small", "/minCapacity", "${2 + 2}", ""),
    ("docker-small", "/minCapacity", {"$if": "2 > 1", "then": 900, "else": 1}, ""),
    ("docker-small", "/scopes", {"$if": "1 +", "then": []}, "/$if"),
    ("docker-small", "/scopes", {"$map": ["a"]}, ""),
    ("docker-small", "/scopes", {"$map": {"$eval": "scopes"}, "each(x)": "${x}"}, ""),
    ("docker-small", "/scopes", {"$map": 5, "each(x)": "${x}"}, ""),
    ("docker-small", "/scopes", {"$map": ["a"], "each(x, y, z)": "${x}"}, ""),
    ("docker-small", "/scopes", {"$flatten": "a"}, ""),
    ("docker-small", "/scopes", {"$sort": [{"a": 1}, {"a": 2}]}, ""),
    ("docker-small", "/scopes", {"$reverse": {}}, ""),
    ("docker-small", "/userData", {"$merge": [{"a": 1}, "b"]}, ""),
    ("docker-small", "/userData", {"$mergeDeep": {"a": 1}}, ""),
    ("docker-small", "/userData", {"$switch": {"true": 1, "1 == 1": 2}}, ""),
    ("docker-small", "/userData", {"when": {"$fromNow": "soon"}}, "/when"),
    ("docker-small", "/userData", {"$json": {}, "extra": 1}, ""),
    ("docker-small", "/userData", {"$unknown": 1}, "/$unknown"),
    ("docker-small", "/userData", {"${1 +}": 1}, "/${1 +}"),
    ("docker-small", "/userData", {"$let": {"a": 1}}, ""),
    ("docker-small", "/userData", {"$let": {"context": {}}, "in": {}}, "/$let"),
    ("docker-small", "/userData", {"$let": {"now": "never"}, "in": {}}, "/$let"),
    ("docker-small", "/scopes", {"$map": ["a"], "each(now)": "b"}, "/each(now)"),
    ("docker-small", "/scopes", {"$sort": ["a"], "by(context)": "1"}, "/by(context)"),
    ("docker-small", "/description", {"$eval": "1 + " * 1024 + "1"}, "/$eval"),
    ("docker-small", "/description", "${'x'}" * 3000, ""),
    ("gcp-gpu-test", "/machineTypes/each(cpus)", {"machineType": "n1-standard-${cpu}"}, "!"),
    ("gcp-gpu-test", "/machineTypes/each(cpus)", {"machineType": "n1-standard-${cpus * cpus}000"}, "!"),
    ("gcp-gpu-test", "/machineTypes/$map", [4, "x"], "!"),
    ("gcp-gpu-test", "/zones/each(entry)", {"$if": "entry.region == 'us-central1'", "then": {"$eval": "entry"}}, "!"),
    ("gcp-gpu-test", "/zones/each(entry)", {"$if": "false", "then": {"$eval": "entry"}}, "!"),
    (
        "azure-windows-test",
        "/vmSizes/each(cpus)",
        {"vmSize": "Standard_D${cpus}", "capacity": {"$eval": "cpus / 3"}},
        "!",
    ),
    ("greeters", "/instanceTypes/each(entry)", {"$merge": [{"$eval": "entry"}, {"colour": "red"}]}, "@"),
    ("greeters", "/instanceTypes/each(entry)", {"instanceType": "same"}, "!"),
)
BOMBS = (
    ("docker-small", "/userData", BOMB, "ten times ten, twelve times over"),
    ("gcp-gpu-test", "/description", {"$eval": "9 ** 9 ** 9 ** 9"}, "a number that no memory holds"),
)


def all_cases() -> Iterator[Case]:
    for fault, rows in (("bad reference", REFERENCES), ("bad JSON-e", EXPRESSIONS)):
        for base, pointer, value, within in rows:
            member = "/" + pointer.split("/")[1]
            found = member if within in ("!", "@") else pointer + within
            yield changed(fault, base, pointer, value, found, at_key=within == "@")
    for base, pointer, value, what in BOMBS:
        yield changed("template bomb", base, pointer, value, "", what=what)
