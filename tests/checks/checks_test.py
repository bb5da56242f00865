#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that each check of scripts/ accepts what is right and fails on what is wrong."""
import os
import re
import subprocess
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts")
TABLE = "penstock_layer(base DEPENDS)\npenstock_layer(http DEPENDS base)\npenstock_layer(store DEPENDS http base)\n"


class CheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def run_check(self, name):
        return subprocess.run([os.path.join(SCRIPTS, name), self.root], capture_output=True, text=True, check=False)

    def assert_accepts(self, name):
        result = self.run_check(name)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def assert_refuses(self, name, *words):
        result = self.run_check(name)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        for word in words:
            self.assertIn(word, result.stdout + result.stderr)


class Layers(CheckTest):
    def include(self, path, line):
        self.write("CMakeLists.txt", TABLE)
        self.write(path, f"#pragma once\n{line}\n")

    def test_accepts_what_the_table_allows(self):
        self.include("src/store/a.h", '#include "http/b.h"\n#include "penstock/c.h"\n#include <vector>')
        self.include("src/http/b.cc", "#include <curl/curl.h>")
        self.include("src/app/main.cc", '#include "store/a.h"')
        self.include("include/penstock/c.h", '#include <string>\n#include "penstock/d.h"')
        self.assert_accepts("check_layers.py")

    def test_refuses_a_layer_above(self):
        self.include("src/http/b.cc", '#include "store/a.h"')
        self.assert_refuses("check_layers.py", "src/http/b.cc:2", "layer http may include")

    def test_refuses_a_library_outside_its_owner(self):
        for line in ("#include <curl/curl.h>", "#include <fuse3/fuse_lowlevel.h>", "#include <libxml/parser.h>",
                     "#include <openssl/evp.h>", "#include <nlohmann/json.hpp>"):
            with self.subTest(line):
                self.include("src/base/x.cc", line)
                self.assert_refuses("check_layers.py", "may include it")

    def test_refuses_public_headers_that_know_more(self):
        for line in ('#include "base/log.h"', "#include <fmt/core.h>"):
            with self.subTest(line):
                self.include("include/penstock/c.h", line)
                self.assert_refuses("check_layers.py", "public headers")

    def test_refuses_includes_without_a_folder_and_unknown_layers(self):
        self.include("src/base/x.cc", '#include "log.h"')
        self.assert_refuses("check_layers.py", "written from")
        self.include("src/base/x.cc", "")
        self.include("src/cache/y.cc", '#include "base/x.h"')
        self.assert_refuses("check_layers.py", "no layer")

    def divide(self, *folders, layers=TABLE, **files):
        """A project whose folders are these entries, and whose files include what is told (a__b stands for src/a/b.h)."""
        self.write("CMakeLists.txt", layers + "".join(f"penstock_folder({folder})\n" for folder in folders))
        for name, included in {"http__client": "base/log.h", "store__http": "http/client.h", **files}.items():
            self.write(f"src/{name.replace('__', '/')}.h", "".join(f'#include "{one}"\n' for one in included.split()))

    def test_folders_of_a_layer_include_what_the_table_allows(self):
        self.divide("store DEPENDS store/aws", "store/aws DEPENDS", store__a="store/aws/b.h", store__aws__b="store/aws/c.h")
        self.assert_accepts("check_layers.py")
        self.write("src/store/aws/d.h", '#include "store/a.h"\n')
        self.assert_refuses("check_layers.py", "src/store/aws/d.h:1", "folder store/aws may include store/aws only")

    def test_refuses_a_folder_that_the_table_does_not_know(self):
        self.divide("store DEPENDS", store__aws__b="store/aws/c.h")
        self.assert_refuses("check_layers.py", "src/store/aws is no folder")
        self.divide("store/aws DEPENDS", store__aws__b="store/aws/c.h", store__a="store/c.h")
        self.assert_refuses("check_layers.py", "src/store is no folder")

    def test_refuses_tables_that_lead_back(self):
        self.divide("store DEPENDS store/aws", "store/aws DEPENDS store", store__a="store/aws/b.h", store__aws__b="store/a.h")
        self.assert_refuses("check_layers.py", "what store depends on leads back to it")
        self.divide("store DEPENDS store/aws", "store/aws DEPENDS store/x", "store/x DEPENDS store",
                    store__a="store/aws/b.h", store__aws__b="store/x/d.h", store__x__d="store/a.h")
        self.assert_refuses("check_layers.py", "what store/x depends on leads back to it")
        self.divide(layers="penstock_layer(a DEPENDS b)\npenstock_layer(b DEPENDS a)\n"
                    "penstock_layer(base DEPENDS)\npenstock_layer(http DEPENDS base)\npenstock_layer(store DEPENDS http)\n")
        self.assert_refuses("check_layers.py", "what a depends on leads back to it")

    def test_refuses_to_allow_what_nobody_includes(self):
        self.divide("store DEPENDS store/aws", "store/aws DEPENDS", store__a="store/b.h", store__aws__b="store/aws/c.h")
        self.assert_refuses("check_layers.py", "store depends on store/aws, of which it includes nothing")
        self.divide(store__http="base/log.h")
        self.write("src/store/a.h", "")
        self.assert_refuses("check_layers.py", "store depends on http, of which it includes nothing")

    def test_refuses_to_check_nothing(self):
        self.write("CMakeLists.txt", TABLE)
        self.assert_refuses("check_layers.py", "nothing to check")


class Sizes(CheckTest):
    @staticmethod
    def function(lines, head="void f() {"):
        return f"{head}\n" + "  step();\n" * (lines - 2) + "}\n"

    def test_accepts_functions_up_to_the_limit(self):
        self.write("src/a.cc", "namespace x {\n" + self.function(80) * 3 + "}\n")
        self.write("src/b.py", "def f():\n" + "    pass\n" * 79)
        self.write("tests/t.cc", self.function(120, 'TEST_CASE("a { b") {'))
        self.assert_accepts("check_sizes.py")

    def test_refuses_long_functions(self):
        for head in ("void f() {", "Result<int> A::f(std::vector<int> x = {}) const {", 'static int g(char c /* { */) {',
                     "A::A() : a_(1) {"):
            with self.subTest(head):
                self.write("src/a.cc", "namespace x {\nclass B {\n int a = 1;\n};\n" + self.function(81, head) + "}\n")
                self.assert_refuses("check_sizes.py", "a function of 81 lines")

    def test_refuses_long_functions_in_classes_and_after_braces_in_text(self):
        self.write("src/a.h", 'struct A {\n  char c = \'{\';\n  const char* s = "{\\"{";\n' + self.function(81) + "};\n")
        self.assert_refuses("check_sizes.py", "a function of 81 lines")

    def test_refuses_long_python_functions(self):
        self.write("scripts/b.py", "def f():\n" + "    pass\n" * 80)
        self.assert_refuses("check_sizes.py", "a function of 81 lines")

    def test_does_not_count_tables_and_classes_as_functions(self):
        self.write("src/a.cc", "constexpr auto table = to_array<Row>({\n" + "  {1, 2},\n" * 100 + "});\n"
                   + "class A {\n" + "  int f() const { return 1; }\n" * 100 + "};\n")
        self.assert_accepts("check_sizes.py")

    def test_refuses_long_files(self):
        self.write("src/a.cc", "int a;\n" * 600)
        self.assert_accepts("check_sizes.py")
        self.write("src/a.cc", "int a;\n" * 601)
        self.assert_refuses("check_sizes.py", "601 lines")


    def test_refuses_classes_that_are_long_in_all_their_files(self):
        def method(name, lines):
            return self.function(lines, f"std::vector<int> {name}(std::string a) {{")

        self.write("src/a.h", "namespace x {\nclass A final : public B {\n" + "  int a();\n" * 98 + "};\n"
                   "struct A::Inner {\n" + "  int a();\n" * 90 + "};\n}\n")
        for number in range(2):
            self.write(f"src/a{number}.cc", method("A::f", 80) + method("A::g", 80) + method("A::operator()", 40)
                       + method("A::Inner::f", 60) + method("other", 60) + method("std::f", 60))
        self.assert_accepts("check_sizes.py")
        self.write("src/b.cc", "A::~A() {\n}\n")
        self.assert_refuses("check_sizes.py", "class A has 502 lines in all its files, at most 500", "1 wrong")

    def test_classes_of_one_name_in_two_sources_are_two(self):
        for name in ("a", "b"):
            self.write(f"src/{name}.cc", "namespace {\nclass A {\n" + "  int a();\n" * 248 + "};\n}\n"
                       + self.function(80, "A::A() : a_(std::string()) {") * 3)
        self.assert_accepts("check_sizes.py")
        self.write("src/a.cc", "class A {\n" + "  int a();\n" * 259 + "};\n" + self.function(80, "A::A() : a_(f()) {") * 3)
        self.assert_refuses("check_sizes.py", "src/a.cc: class A has 501 lines", "1 wrong")

    def test_an_exception_is_for_one_class(self):
        for name, refused in (("DirTree", False), ("DirTrees", True)):
            self.write("src/a.h", f"class {name} {{\n" + "  int a();\n" * 500 + "};\n")
            (self.assert_refuses if refused else self.assert_accepts)("check_sizes.py")


class Docs(CheckTest):
    def setUp(self):
        super().setUp()
        self.write("docs/options.md", "## `--region`\n")
        self.write("docs/a.md", "# One heading\n\n## With `code`, and more\n")
        self.write("scripts/go", "")

    def test_accepts_what_exists(self):
        self.write("README.md", "[a](docs/a.md#with-code-and-more) [web](https://example.com)\n\n```\nscripts/go --now\n"
                   "penstock mount --region=x s3://b /mnt\n```\n")
        self.assert_accepts("check_docs.py")

    def test_refuses_links_that_lead_nowhere(self):
        for link in ("docs/b.md", "docs/a.md#another", "#nowhere"):
            with self.subTest(link):
                self.write("README.md", f"[a]({link})\n")
                self.assert_refuses("check_docs.py", link)

    def test_refuses_commands_and_options_that_do_not_exist(self):
        self.write("README.md", "```\nscripts/stop\n```\n")
        self.assert_refuses("check_docs.py", "scripts/stop")
        self.write("README.md", "Use `penstock mount --regoin x URL DIR`.\n")
        self.assert_refuses("check_docs.py", "--regoin")

    def test_refuses_messages_that_nothing_prints(self):
        self.write("src/x/README.md", "# x\n")
        self.write("src/x/a.cc", 'say("cannot read {} at "\n    "all");\n')
        self.write("docs/troubleshooting.md", "### `cannot read … at all`\n### Any words\n")
        self.assert_accepts("check_docs.py")
        self.write("docs/troubleshooting.md", "### `cannot read … at most`\n")
        self.assert_refuses("check_docs.py", "at most")

    def test_each_folder_of_sources_says_what_it_is(self):
        for number in range(3):
            self.write(f"src/x/y/{number}.cc", "")
        self.write("src/x/a.h", "")
        self.assert_refuses("check_docs.py", "src/x: has no README.md")
        self.write("src/x/README.md", "# x\n")
        self.assert_accepts("check_docs.py")
        self.write("src/x/y/3.cc", "")
        self.assert_refuses("check_docs.py", "src/x/y: has no README.md")

    def test_refuses_places_of_one_machine(self):
        for place in ("/" + "work/main", "../" + "shared/x", "https://pypi." + "org/simple"):
            with self.subTest(place):
                self.write("scripts/go", f"cd {place}\n")
                self.assert_refuses("check_docs.py", "scripts/go:1")


class Unity(CheckTest):
    """What cmake/Unity.cmake puts together, and what clang-tidy says of it."""

    def configure(self, **sources):
        self.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.25)\nproject(example LANGUAGES CXX)\n"
                   f"include({os.path.abspath(SCRIPTS)}/../cmake/Unity.cmake)\n"
                   f"add_library(example {' '.join(f'src/{name}.cc' for name in sources)})\npenstock_unity(example)\n")
        for name, text in sources.items():
            self.write(f"src/{name}.cc", text)
        subprocess.run(["cmake", "-G", "Ninja", "-S", self.root, "-B", os.path.join(self.root, "build"),
                        "-DPENSTOCK_UNITY=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-DCMAKE_CXX_COMPILER=clang++"],
                       check=True, capture_output=True)

    def together(self):
        """The sets of sources that are compiled at once."""
        folder = os.path.join(self.root, "build", "CMakeFiles", "example.dir", "Unity")
        found = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found.append({os.path.basename(path)[:-3] for path in re.findall(r'#include "(.*)"', file.read())})
        return found

    def tidy(self):
        with open(os.path.join(SCRIPTS, "..", ".clang-tidy"), encoding="utf-8") as file:
            self.write(".clang-tidy", file.read())
        return subprocess.run([os.path.join(SCRIPTS, "check_tidy.py"), os.path.join(self.root, "build"), self.root],
                              capture_output=True, text=True, check=False)

    def test_keeps_apart_what_defines_the_same_names(self):
        # By way of src/near.h the target includes Known, and nothing of it includes Far.
        self.write("src/known.h", "struct Known {\n  int a;\n};\n")
        self.write("src/near.h", '#pragma once\n#include "known.h"\nstruct Known known();\n')
        self.write("src/far.h", "struct Far {\n  int a;\n};\n")
        self.configure(a='#include "near.h"\nnamespace {\nint helper() { return 1; }\n}\nint a() { return helper(); }\n',
                       b="namespace {\nint helper() { return 2; }\n}\nint b() { return helper(); }\n",
                       c="namespace {\nstruct Known {};\n}\nint c() { return sizeof(Known); }\n",
                       d="namespace {\nconstexpr int most = 3;\n}\nint d() { return most; }\n",
                       e="namespace {\nconstexpr int most{4};\n}\nint e() { return most; }\n",
                       f="namespace {\nstruct Far {};\n}\nint f() { return sizeof(Far); }\n",
                       g="namespace {\nusing Known = int;\n}\nint g() { return sizeof(Known); }\n")
        self.assertEqual(self.together(), [{"a", "d", "f"}, {"b", "e"}])

    def test_tidy_names_the_place_in_the_source(self):
        self.configure(a="int a();\nint a() { return 1; }\n", b="int* b();\nint* b() { return 0; }\n")
        result = self.tidy()
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stdout, r"/src/b\.cc:2:\d+: error: use nullptr")
        self.write("src/b.cc", "int* b();\nint* b() { return nullptr; }\n")
        self.assertEqual(self.tidy().returncode, 0)

    def test_tidy_looks_at_each_source_alone(self):
        self.configure(a="#include <string>\nint a(const std::string& s);\nint a(const std::string& s) { return s.empty(); }\n",
                       b="int b(const std::string& s);\nint b(const std::string& s) { return s.empty(); }\n")
        result = self.tidy()
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("src/b.cc:1", result.stdout)


if __name__ == "__main__":
    unittest.main()
