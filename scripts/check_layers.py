#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fails where an #include crosses a border that the tables of CMakeLists.txt do not allow.

    check_layers.py [ROOT]

penstock_layer: a file under src/LAYER may include its own layer, those named after DEPENDS, and include/penstock; src/app
may include everything. penstock_folder: within its own layer, a file of src/LAYER/FOLDER may include its own folder and
those named after DEPENDS; LAYER stands for the files that lie beside its folders. Neither table may have a cycle, nor allow
what nobody includes. include/penstock knows only itself and the standard library. A few libraries have one owner each.
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
# src/base also implements what include/penstock declares, so that a layer needs its library without including it.
NEEDED_BY_ALL = "base"
TABLE = r"^\s*%s\(\s*([\w/]+)\s+DEPENDS([^)]*)\)"
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
STANDARD = re.compile(r"^[a-z_0-9]+$")


def read_table(root, function):
    """{layer or folder: those whose headers it may include, itself too}"""
    lines = re.findall(TABLE % function, read_text(root, "CMakeLists.txt"), re.MULTILINE)
    table = {name: {name, *depends.split()} for name, depends in lines}
    for name, others in table.items():
        unknown = others - table.keys()
        if unknown:
            sys.exit(f"CMakeLists.txt: {name} depends on unknown {', '.join(sorted(unknown))}")
    return table


def reachable(table, start):
    """What start may include by whatever way, itself only where a way leads back."""
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        for other in table[name] - {name} - found:
            found.add(other)
            waiting.append(other)
    return found


def cycles(table):
    for name in table:
        if name in reachable(table, name):
            yield f"CMakeLists.txt: what {name} depends on leads back to it"


def folder_of(path, folders):
    """The entry of penstock_folder that a path below src/ belongs to, or None where its layer is not divided."""
    layer, *others = path.split("/")
    name = f"{layer}/{others[0]}" if len(others) > 1 else layer
    divided = any(other.startswith(f"{layer}/") for other in folders)
    return name if divided or len(others) > 1 else None


class Checker:
    def __init__(self, root):
        self.layers = read_table(root, "penstock_layer")
        self.folders = read_table(root, "penstock_folder")
        self.used = set()  # (layer or folder, what it includes)

    def library_offence(self, path, target):
        if path.startswith("include/") and not STANDARD.match(target):
            return "public headers include the standard library and penstock/ only"
        for start, owners in OWNERS.items():
            if target.startswith(start) and not path.startswith(owners):
                return f"only {' and '.join(owners)} may include it"
        return None

    def folder_offence(self, path, target):
        """Why a file may not include one of its own layer, or None."""
        own, other = folder_of(path, self.folders), folder_of(target, self.folders)
        if own is None and other is None:
            return None
        for name in (own, other):
            if name not in self.folders:
                return f"src/{name} is no folder of CMakeLists.txt"
        self.used.add((own, other))
        if other not in self.folders[own]:
            return f"folder {own} may include {', '.join(sorted(self.folders[own]))} only"
        return None

    def offence_of(self, path, kind, target):
        """Why this include is wrong, or None."""
        if kind == "<":
            return self.library_offence(path, target)
        top = target.split("/")[0]
        if top == "penstock" and "/" in target:
            return None
        if path.startswith("include/"):
            return "public headers include the standard library and penstock/ only"
        if "/" not in target or (top not in self.layers and top != "app"):
            return "includes are written from include/ or src/"
        path = path.removeprefix("src/")
        layer = path.split("/")[0]
        if layer != "app" and layer not in self.layers:
            return f"src/{layer} is no layer of CMakeLists.txt"
        if layer == top:
            return self.folder_offence(path, target)
        self.used.add((layer, top))
        if layer != "app" and top not in self.layers[layer]:
            return f"layer {layer} may include {', '.join(sorted(self.layers[layer]))} only"
        return None

    def dead_edges(self):
        for table in (self.layers, self.folders):
            for name, others in table.items():
                for other in sorted(others - {name, NEEDED_BY_ALL}):
                    if (name, other) not in self.used:
                        yield f"CMakeLists.txt: {name} depends on {other}, of which it includes nothing"


def main():
    root = root_from_arguments()
    checker = Checker(root)
    offences = [*cycles(checker.layers), *cycles(checker.folders)]
    checked = 0
    for path in project_files(root):
        if not path.startswith(("src/", "include/")) or not path.endswith((".h", ".cc")):
            continue
        checked += 1
        text = read_text(root, path)
        for match in INCLUDE.finditer(text):
            offence = checker.offence_of(path, *match.groups())
            if offence:
                line = text.count("\n", 0, match.start(1)) + 1
                offences.append(f"{path}:{line}: includes {match.group(2)}: {offence}")
    report("check_layers", offences + list(checker.dead_edges()), checked)


main()
