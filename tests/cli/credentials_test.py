#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs penstock credentials: credentials_test.py PENSTOCK [unittest arguments]."""

import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

PENSTOCK = ""
WAIT_S = 60
ACCESS = "CREDENTIALSACCESSKEY"
SECRET = "credentialssecret0123456789"
ROLE = "arn:aws:iam::123456789012:role/train"
ANSWER = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ROLEACCESSKEY</AccessKeyId><SecretAccessKey>rolesecret</SecretAccessKey><SessionToken>roletoken</SessionToken>
<Expiration>2100-01-02T03:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


class Sts(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        signed = f"Credential={ACCESS}/" in self.headers.get("Authorization", "")
        form_type = self.headers.get_all("Content-Type") == ["application/x-www-form-urlencoded"]
        good = signed and form_type and "Action=AssumeRole&" in form
        self.send_response(200 if good else 403)
        self.end_headers()
        self.wfile.write(ANSWER.encode() if good else b"no")

    def log_message(self, *_):
        pass


class CredentialsTest(unittest.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="penstock-credentials-"))
        self.addCleanup(shutil.rmtree, self.base)
        (self.base / ".aws").mkdir()
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("AWS_") and not name.lower().endswith("_proxy")}
        self.environment |= {"HOME": str(self.base), "AWS_EC2_METADATA_DISABLED": "true"}

    def write(self, name, text, mode=0o600):
        path = self.base / ".aws" / name
        path.write_text(text)
        path.chmod(mode)

    def keys(self, mode=0o600):
        self.write("credentials", f"[default]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n", mode)

    def run_it(self, *arguments, **more):
        result = subprocess.run([PENSTOCK, "credentials", "--config", "/dev/null", *arguments], capture_output=True,
                                text=True, timeout=WAIT_S, env=self.environment, check=False, **more)
        for secret in (SECRET, ACCESS, "rolesecret", "roletoken", "ROLEACCESSKEY"):
            self.assertNotIn(secret, result.stdout + result.stderr)
        return result

    def test_keys_of_a_file(self):
        self.keys()
        result = self.run_it()
        self.assertEqual(result.stdout, f"from:   profile 'default' in {self.base}/.aws/credentials\n"
                                        "until:  they do not end\n")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_keys_of_the_environment(self):
        self.environment |= {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "roletoken"}
        self.assertEqual(self.run_it().stdout, "from:   the environment\nuntil:  nothing tells when they end\n")
        self.assertEqual(json.loads(self.run_it("--json").stdout),
                         {"source": "the environment", "temporary": True, "expires": None, "seconds_left": None})

    def test_a_role(self):
        sts = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sts)
        threading.Thread(target=sts.serve_forever).start()
        self.addCleanup(sts.server_close)
        self.addCleanup(sts.shutdown)
        self.environment["AWS_ENDPOINT_URL_STS"] = f"http://127.0.0.1:{sts.server_port}"
        self.keys()
        self.write("config", f"[profile train]\nrole_arn = {ROLE}\nsource_profile = default\n")
        result = self.run_it("--profile", "train")
        source = f"role {ROLE} of profile 'train', assumed with profile 'default' in {self.base}/.aws/credentials"
        self.assertRegex(result.stdout, f"^from:   {source}\nuntil:  2100-01-02T03:04:05Z, for another [0-9]+h[0-9][0-9]m\n$")
        told = json.loads(self.run_it("--profile", "train", "--json").stdout)
        self.assertEqual((told["source"], told["temporary"], told["expires"]), (source, True, "2100-01-02T03:04:05Z"))
        self.assertGreater(told["seconds_left"], 3600)

    def test_keys_that_everybody_may_read(self):
        self.base.chmod(0o755)
        self.keys(0o644)
        warning = "every user of this machine may read the secret keys in {0}/.aws/credentials: chmod 600 {0}/.aws/credentials"
        result = self.run_it()
        self.assertIn(warning.format(self.base), result.stderr)
        self.assertEqual((result.returncode, result.stderr.count("\n")), (0, 1))
        (self.base / ".aws").chmod(0o700)
        self.assertEqual(self.run_it().stderr, "")

    def test_no_other_program_of_the_user_may_read_its_memory(self):
        self.base.chmod(0o755)
        (self.base / ".aws").chmod(0o755)
        # What may be read, and be dumped, belongs to the user; the rest to root.
        self.write("config", "[default]\ncredential_process = sh -c 'stat -c %u /proc/$PPID/environ >&2; exit 1'\n", 0o644)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        result = self.run_it(**nobody)
        self.assertEqual(result.stderr, "penstock: sh failed: 0 \n")

    def test_none(self):
        result = self.run_it()
        self.assertIn("penstock: no credentials found. Looked at: AWS_ACCESS_KEY_ID in the environment", result.stderr)
        self.assertEqual((result.returncode, result.stdout), (1, ""))

    def test_wrong_arguments(self):
        self.assertEqual(self.run_it("s3://b").stderr, "penstock: 's3://b' is one argument too many\n")


if __name__ == "__main__":
    PENSTOCK = sys.argv[1]
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
