#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can be told of packaging/container without a container engine: that its parts fit the repository and the program."""

import pathlib
import re
import subprocess
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "packaging" / "container"


def instructions():
    """(word, rest) of each instruction of the Containerfile."""
    text = re.sub(r"^#.*\n", "", (FOLDER / "Containerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


class Containerfile(unittest.TestCase):
    def test_its_instructions_are_known_and_it_ends_as_an_ordinary_user(self):
        words = [word for word, _ in instructions()]
        self.assertEqual(set(words), {"FROM", "COPY", "RUN", "USER", "WORKDIR", "STOPSIGNAL", "ENTRYPOINT", "CMD"})
        last = len(words) - 1 - words[::-1].index("FROM")
        users = [rest for word, rest in list(instructions())[last:] if word == "USER"]
        self.assertEqual(users, ["penstock"])
        self.assertIn("useradd --create-home --uid 1000 penstock", dict(list(instructions())[last:])["RUN"])

    def test_the_shell_finds_nothing_wrong_with_its_commands(self):
        for word, rest in instructions():
            if word == "RUN":
                subprocess.run(["shellcheck", "--shell=sh", "-"], input=f"{rest}\n", text=True, check=True)

    def test_what_it_copies_and_runs_is_there(self):
        self.assertTrue((ROOT / "scripts/package").exists())
        self.assertIn("build/packages", (ROOT / "scripts/package").read_text(encoding="utf-8"))
        ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
        self.assertEqual(ignored, ["build", ".git"])


class Compose(unittest.TestCase):
    def setUp(self):
        self.compose = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))

    def test_services_and_volumes_that_are_named_are_there(self):
        services = self.compose["services"]
        for name, service in services.items():
            self.assertTrue("image" in service or "build" in service, name)
            for other in service.get("depends_on", []):
                self.assertIn(other, services)
            for volume in service.get("volumes", []):
                if isinstance(volume, str):
                    self.assertIn(volume.split(":")[0], self.compose["volumes"])

    def test_the_mount_has_what_fuse_needs_and_options_that_exist(self):
        penstock = self.compose["services"]["penstock"]
        self.assertEqual(penstock["devices"], ["/dev/fuse"])
        self.assertEqual(penstock["cap_add"], ["SYS_ADMIN"])
        built = penstock["build"]
        self.assertTrue((FOLDER / built["context"] / built["dockerfile"]).exists())
        page = (ROOT / "docs/options.md").read_text(encoding="utf-8")
        for option in re.findall(r"--[a-z-]+", penstock["command"]):
            self.assertRegex(page, f"### `{option}[ `]")
        self.assertEqual(penstock["environment"]["AWS_SECRET_ACCESS_KEY"],
                         self.compose["services"]["minio"]["environment"]["MINIO_ROOT_PASSWORD"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
