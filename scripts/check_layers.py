#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where an #include crosses a layer border that the penstock_layer table in CMakeLists.txt does not allow.

    check_layers.py [ROOT]

A file under src/LAYER may include its own layer, those named after DEPENDS, and include/penstock; src/app may include
everything. include/penstock knows only itself and the standard library. A few libraries have one owner each.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tree import project_files, read_text, report, root_from_arguments  # noqa: E402

# What starts so between < and > may be included below these folders only.
OWNERS = {
    "curl/": ("src/http/",),
    "fuse": ("src/frontend/",),
    "libxml/": ("src/store/",),
    # The store signs requests; the cache names its files by a SHA-256, which nobody can make collide.
    "openssl/": ("src/store/", "src/cache/"),
    "xxhash.h": ("src/cache/", "src/journal/"),
    "nlohmann/": ("src/store/s3/", "src/app/access/"),
    "toml++/": ("src/config/",),
    "prometheus/": ("src/app/metrics/",),
}
LAYER = re.compile(r"^\s*penstock_layer\(\s*(\w+)\s+DEPENDS([^)]*)\)", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
STANDARD = re.compile(r"^[a-z_0-9]+$")


def allowed_layers(root):
    """{layer: layers whose headers it may include, itself too}"""
    table = {name: {name, *depends.split()} for name, depends in LAYER.findall(read_text(root, "CMakeLists.txt"))}
    for name, layers in table.items():
        unknown = layers - table.keys()
        if unknown:
            sys.exit(f"CMakeLists.txt: layer {name} depends on unknown {', '.join(sorted(unknown))}")
    return table


def offence_of(path, kind, target, table):
    """Why this include is wrong, or None."""
    layer = path.split("/")[1] if path.startswith("src/") else None
    if kind == "<":
        if path.startswith("include/") and not STANDARD.match(target):
            return "public headers include the standard library and penstock/ only"
        for start, owners in OWNERS.items():
            if target.startswith(start) and not path.startswith(owners):
                return f"only {' and '.join(owners)} may include it"
        return None
    top = target.split("/")[0]
    if top == "penstock" and "/" in target:
        return None
    if path.startswith("include/"):
        return "public headers include the standard library and penstock/ only"
    if "/" not in target or (top not in table and top != "app"):
        return "includes are written from include/ or src/"
    if layer == "app":
        return None
    if layer not in table:
        return f"src/{layer} is no layer of CMakeLists.txt"
    if top not in table[layer]:
        return f"layer {layer} may include {', '.join(sorted(table[layer]))} only"
    return None


def main():
    root = root_from_arguments()
    table = allowed_layers(root)
    offences = []
    checked = 0
    for path in project_files(root):
        if not path.startswith(("src/", "include/")) or not path.endswith((".h", ".cc")):
            continue
        checked += 1
        text = read_text(root, path)
        for match in INCLUDE.finditer(text):
            offence = offence_of(path, *match.groups(), table)
            if offence:
                line = text.count("\n", 0, match.start(1)) + 1
                offences.append(f"{path}:{line}: includes {match.group(2)}: {offence}")
    report("check_layers", offences, checked)


main()
