#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs penstock doctor: doctor_test.py PENSTOCK S3_TESTSERVER [unittest arguments]."""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request

PENSTOCK = ""
SERVER = ""
WAIT_S = 60
SECRET = "doctorsecretkey0123456789"
ACCESS = "DOCTORACCESSKEY"
TOKEN = "doctorsessiontoken//abcdef=="


class DoctorCase(unittest.TestCase):
    def setUp(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="penstock-doctor-"))
        self.addCleanup(shutil.rmtree, self.base)
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("AWS_") and not name.lower().endswith("_proxy")}
        self.environment |= {"HOME": str(self.base), "XDG_CACHE_HOME": str(self.base / "cache-home"),
                             "AWS_EC2_METADATA_DISABLED": "true", "AWS_ACCESS_KEY_ID": ACCESS,
                             "AWS_SECRET_ACCESS_KEY": SECRET}
        self.endpoint = ""

    def serve(self, *options):
        port_file = self.base / "port"
        server = subprocess.Popen([SERVER, "--port-file", port_file, "--bucket", "test", "--access-key", ACCESS,
                                   "--secret-key", SECRET, *options], stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.endpoint = server.stdout.readline().split()[-1]

    def control(self, path, **values):
        request = urllib.request.Request(f"{self.endpoint}/-/{path}?{urllib.parse.urlencode(values)}", method="POST")
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            answer.read()

    def requests(self):
        with urllib.request.urlopen(f"{self.endpoint}/-/stats", timeout=WAIT_S) as answer:
            return json.load(answer)["requests"]

    def command(self, *arguments):
        return [PENSTOCK, "doctor", "--config", "/dev/null", "--cache-dir", str(self.base / "cache"), "--state-dir",
                str(self.base / "state"), *map(str, arguments)]

    def doctor(self, *arguments, **more):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=WAIT_S,
                              env=self.environment, check=False, **more)

    def store(self, *arguments, url="s3://test/pre"):
        """{name: (verdict, found, advice)} and the exit status"""
        result = self.doctor("--json", "--endpoint-url", self.endpoint, url, *arguments)
        self.assertEqual(result.stderr, "")
        findings = [finding for group in json.loads(result.stdout)["groups"] for finding in group["findings"]
                    if group["title"].startswith("store")]
        for finding in findings:
            self.assertEqual(finding["advice"] == "", finding["verdict"] == "ok", finding)
        return {f["name"]: (f["verdict"], f["found"], f["advice"]) for f in findings}, self.status_of(result)

    def status_of(self, result):
        """The exit status, but for dead mounts of others: the doctor looks at all that this machine has, and a test that
        kills its mount may run beside this one."""
        wrong = [finding for group in json.loads(result.stdout)["groups"] for finding in group["findings"]
                 if finding["verdict"] == "wrong"]
        self.assertEqual(result.returncode, 1 if wrong else 0)
        of_others = [finding for finding in wrong
                     if finding["name"] == "dead mount" and str(self.base) not in finding["found"]]
        return 1 if len(wrong) > len(of_others) else 0

    def keys_left(self):
        """Through the program itself: a listing of all there is."""
        listed = subprocess.run([PENSTOCK, "tier", "--json", "--config", "/dev/null", "--endpoint-url", self.endpoint,
                                 "s3://test/"], capture_output=True, text=True, timeout=WAIT_S, env=self.environment,
                                check=False)
        if "is empty" in listed.stderr:
            return 0
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return sum(row["objects"] for row in json.loads(listed.stdout))


class Machine(DoctorCase):
    def test_alone_it_looks_at_the_machine(self):
        result = self.doctor()
        self.assertEqual(result.stderr, "")
        for name in ("kernel", "fuse", "fusermount3", "libfuse", "passthrough", "memory", "open files", "clock",
                     "cache folder", "cache room", "cache speed", "journal folder", "configuration", "mounts"):
            self.assertIn(f" {name} ", result.stdout)
        self.assertNotIn("store:", result.stdout)
        self.assertEqual(list(self.base.iterdir()), [], "it has left something")
        self.assertEqual(result.returncode, 1 if "WRONG" in result.stdout else 0)

    def test_a_wrong_configuration_is_told_and_the_rest_looked_at(self):
        config = self.base / "bad.toml"
        config.write_text("[mounts.x]\nsource = 'nonsense'\nno-such-option = 1\n")
        config.chmod(0o600)
        result = self.doctor("--config", config)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no-such-option", result.stdout)
        self.assertIn(" kernel ", result.stdout)

    def test_a_cache_folder_that_is_a_file_is_wrong(self):
        (self.base / "cache").write_text("")
        result = self.doctor()
        self.assertEqual(result.returncode, 1)
        self.assertIn("WRONG  cache folder", result.stdout)

    def test_wrong_arguments(self):
        for arguments, words in ((("s3://",), "s3://BUCKET"), (("s3://a", "s3://b"), "one argument too many"),
                                 (("--nonsense",), "nonsense")):
            result = self.doctor(*arguments)
            self.assertEqual((result.returncode, result.stdout), (1, ""), arguments)
            self.assertIn(words, result.stderr)


class Store(DoctorCase):
    def test_all_is_well_and_nothing_stays(self):
        self.serve()
        found, status = self.store()
        self.assertEqual({name: value for name, value in found.items() if value[0] == "wrong"}, {})
        self.assertEqual(status, 0)
        for name in ("list", "put", "head", "get", "delete", "multipart", "If-None-Match", "If-Match", "copy",
                     "batch delete", "range GET"):
            self.assertEqual(found[name][:2], ("ok", "works"))
        self.assertEqual(found["endpoint"][1], f"{self.endpoint} (--endpoint-url)")
        self.assertEqual(found["credentials"][1], "from the environment")
        for rate in ("PUT, 1 connection", "PUT, 8 connections", "GET, 1 connection", "GET, 8 connections", "latency"):
            self.assertEqual(found[rate][0], "ok")
        self.assertEqual(self.keys_left(), 0)

    def test_read_only_changes_nothing(self):
        self.serve("--synthetic", "test/pre/data=2M")
        found, status = self.store("--read-only")
        self.assertEqual(status, 0)
        self.assertIn("not tried", found["put"][1])
        self.assertEqual(found["get"][1], "works")
        self.assertEqual(found["GET, 1 connection"][0], "ok")
        self.assertEqual({name for name in self.requests() if name not in
                          ("HeadBucket", "ListObjectsV2", "HeadObject", "GetObject")}, set())

    def test_no_rates_transfers_little(self):
        self.serve()
        found, status = self.store("--no-rates")
        self.assertEqual(status, 0)
        self.assertNotIn("latency", found)
        with urllib.request.urlopen(f"{self.endpoint}/-/stats", timeout=WAIT_S) as answer:
            self.assertLess(json.load(answer)["bytes_in"], 10_000)

    def test_a_wrong_secret(self):
        self.serve()
        self.environment["AWS_SECRET_ACCESS_KEY"] = "wrongsecretwrongsecret"
        found, status = self.store()
        self.assertEqual(status, 1)
        self.assertEqual(found["list"][0], "wrong")
        self.assertIn("the secret access key is wrong", found["list"][1])
        self.assertNotIn("put", found)
        self.assertNotIn("left behind", found)

    def test_no_bucket(self):
        self.serve()
        found, status = self.store(url="s3://nosuch/pre")
        self.assertEqual(status, 1)
        self.assertIn("there is no bucket s3://nosuch", found["list"][1])

    def test_no_credentials(self):
        self.serve()
        del self.environment["AWS_ACCESS_KEY_ID"]
        found, status = self.store()
        self.assertEqual(status, 1)
        self.assertIn("no credentials found", found["credentials"][1])

    def test_rights_that_are_missing_are_named(self):
        self.serve("--synthetic", "test/pre/data=2M")
        for operation, name, action in (("ListObjectsV2", "list", "s3:ListBucket"), ("PutObject", "put", "s3:PutObject"),
                                        ("GetObject", "get", "s3:GetObject"),
                                        ("DeleteObject", "delete", "s3:DeleteObject"),
                                        ("AbortMultipartUpload", "multipart", "s3:AbortMultipartUpload")):
            with self.subTest(operation):
                self.control("fault", operation=operation, key="*", kind="error:403:AccessDenied", times=-1)
                found, status = self.store("--no-rates")
                self.assertEqual(status, 1)
                self.assertEqual(found[name][0], "wrong", found)
                self.assertIn(action, found[name][2])
                self.assertEqual({other for other, value in found.items() if value[0] == "wrong"} - {"left behind"},
                                 {name})
                self.control("clear-faults")

    def test_what_cannot_be_removed_is_said(self):
        self.serve()
        self.control("fault", operation="DeleteObject", key="*", kind="error:403:AccessDenied", times=-1)
        found, _ = self.store("--no-rates")
        self.assertIn("pre/.penstock/trials/doctor-", found["left behind"][1])
        self.assertGreater(self.keys_left(), 0)

    def test_a_server_that_takes_connections_and_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
            found, status = self.store()
        self.assertEqual(status, 1)
        self.assertEqual(found["connection"][0], "ok")
        self.assertEqual(found["answer"][0], "wrong")
        self.assertNotIn("list", found)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found, status = self.store()
        self.assertEqual((status, found["connection"][0]), (1, "wrong"))

    def test_a_name_that_does_not_exist(self):
        self.endpoint = "http://no-such-host.invalid"
        found, status = self.store()
        self.assertEqual((status, found["DNS"][0]), (1, "wrong"))

    def test_a_clock_that_is_off(self):
        self.serve("--clock-skew-s", "1200")
        found, status = self.store("--no-rates")
        self.assertEqual(status, 1)
        self.assertEqual(found["clock of the store"][0], "wrong")
        self.assertIn("behind the server", found["clock of the store"][1])
        self.assertEqual(found["put"][1], "works", "requests are signed by the server's clock")

    def test_a_directory_as_the_store(self):
        (self.base / "folder").mkdir()
        result = self.doctor("--no-rates", f"file://{self.base}/folder")
        self.assertEqual(result.stderr, "")
        self.assertRegex(result.stdout, "ok +multipart +works")
        self.assertNotIn("DNS", result.stdout)
        # Keys below a hidden name lie in .penstock/odd.
        left = [path for folder in ("odd", "uploads", "meta")
                for path in (self.base / "folder" / ".penstock" / folder).rglob("*") if path.is_file()]
        self.assertEqual(left, [])


class Mounted(DoctorCase):
    def setUp(self):
        super().setUp()
        self.mnt = self.base / "mnt"
        self.mnt.mkdir()

    def mount(self, *options):
        self.serve()
        result = subprocess.run([PENSTOCK, "mount", "--config", "/dev/null", "--endpoint-url", self.endpoint,
                                 "--cache-dir", self.base / "cache", "--state-dir", self.base / "state", "--log-file",
                                 self.base / "log", *options, "s3://test/pre", self.mnt], capture_output=True, text=True,
                                timeout=WAIT_S, env=self.environment, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.addCleanup(subprocess.run, ["umount", "-l", self.mnt], capture_output=True, check=False)

    def pid(self):
        status = subprocess.run([PENSTOCK, "status", "--json", "--config", "/dev/null"], capture_output=True, text=True,
                                timeout=WAIT_S, env=self.environment, check=False)
        return next(mount["process"] for mount in json.loads(status.stdout)["mounts"]
                    if mount["mountpoint"] == str(self.mnt))

    def findings(self):
        result = self.doctor("--json", "--no-rates", self.mnt)
        self.assertEqual(result.stderr, "")
        return {finding["name"]: (finding["verdict"], finding["found"]) for group in json.loads(result.stdout)["groups"]
                for finding in group["findings"]}, self.status_of(result)

    def umount(self):
        result = subprocess.run([PENSTOCK, "umount", "--config", "/dev/null", self.mnt], capture_output=True, text=True,
                                timeout=WAIT_S, env=self.environment, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_mount_is_looked_at_with_its_own_options(self):
        self.mount()
        try:
            (self.mnt / "file").write_bytes(b"x" * 1000)
            found, status = self.findings()
            self.assertEqual(status, 0, found)
            self.assertIn(f"s3://test/pre at {self.mnt}, process {self.pid()}", found["mount"][1])
            self.assertEqual(found["mount answers"], ("ok", "yes"))
            self.assertEqual(found["mount's files"], ("ok", "all that is closed is in the bucket"))
            self.assertRegex(found["mount's requests"][1], "^[0-9]+ requests, 0 failed")
            self.assertEqual(found["endpoint"][1], f"{self.endpoint} (--endpoint-url)")
            self.assertEqual(found["put"], ("ok", "works"))
            self.assertIn(str(self.base / "cache"), found["cache folder"][1])
        finally:
            self.umount()

    def test_nothing_is_written_for_a_mount_that_only_reads(self):
        self.mount("--read-only")
        try:
            found, _ = self.findings()
            self.assertIn("not tried", found["put"][1])
        finally:
            self.umount()

    def test_a_mount_that_hangs_is_told(self):
        self.mount()
        pid = self.pid()
        try:
            os.kill(pid, signal.SIGSTOP)
            found, status = self.findings()
            self.assertEqual((status, found["mount answers"][0]), (1, "wrong"))
            self.assertEqual(found["put"], ("ok", "works"), "the store is well")
        finally:
            os.kill(pid, signal.SIGCONT)
            self.umount()

    def test_a_mount_whose_process_has_died(self):
        self.mount()
        os.kill(self.pid(), signal.SIGKILL)
        try:
            found, status = self.findings()
            self.assertEqual((status, found["mount"][0], found["dead mount"][0]), (1, "wrong", "wrong"))
            self.assertEqual(found["mount's store"][0], "note")
            self.assertNotIn("list", found)
        finally:
            self.umount()

    def test_what_is_no_mount(self):
        result = self.doctor(self.mnt)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("is neither a URL (s3://BUCKET/PREFIX) nor a mount of Penstock", result.stderr)


class Interrupted(DoctorCase):
    def interrupted_in(self, operation, kind):
        """What it prints; interrupted while the server is at a request."""
        self.serve()
        self.control("fault", operation=operation, key="*", kind=kind, times=-1)
        process = subprocess.Popen(self.command("--endpoint-url", self.endpoint, "s3://test/pre"), env=self.environment,
                                   stdout=subprocess.PIPE, text=True)
        try:
            while self.requests().get(operation, 0) == 0:
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assertIn("interrupted", out)
        self.assertNotIn("left behind", out)
        return out

    def test_ctrl_c_ends_it_and_nothing_stays(self):
        # The upload was begun by then, and its part arrives after the interruption.
        self.interrupted_in("UploadPart", "delay:2000")
        self.assertEqual(self.keys_left(), 0)
        self.assertEqual(self.requests()["AbortMultipartUpload"], 1)

    def test_ctrl_c_ends_the_wait_for_a_server_that_hangs(self):
        self.interrupted_in("ListObjectsV2", "hang")
        self.assertEqual(self.requests().get("PutObject", 0), 0)


class Proxy(http.server.BaseHTTPRequestHandler):
    """Answers everything itself with 403."""

    def answer(self):
        self.server.seen.append(self.headers.get("Proxy-Authorization"))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *arguments):
        pass


class Keys(Proxy):
    """A service that gives credentials."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.keys)))
        self.end_headers()
        self.wfile.write(self.server.keys)


class Secrets(DoctorCase):
    def report(self, *arguments):
        file = self.base / "report.txt"
        result = self.doctor("--endpoint-url", self.endpoint, "--report", file, "s3://test/pre", "--no-rates", *arguments)
        self.assertEqual(result.stderr, "")
        text = file.read_text()
        self.assertIn("penstock ", text)
        self.assertIn("rights" if "rights" in result.stdout else "way there", text)
        return text + result.stdout

    def assert_without(self, text, *secrets):
        for secret in secrets:
            self.assertNotIn(secret, text)
            self.assertNotIn(urllib.parse.quote(secret, safe=""), text)

    def test_credentials_of_the_environment(self):
        self.serve("--session-token", TOKEN)
        self.environment["AWS_SESSION_TOKEN"] = TOKEN
        text = self.report()
        self.assertIn("from the environment", text)
        self.assert_without(text, ACCESS, SECRET, TOKEN)

    def test_credentials_of_a_profile(self):
        self.serve()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del self.environment[name]
        (self.base / ".aws").mkdir()
        (self.base / ".aws" / "credentials").write_text(
            f"[work]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n")
        (self.base / ".aws" / "config").write_text("[profile work]\nregion = eu-west-9\n")
        text = self.report("--profile", "work")
        self.assertIn("from profile 'work' in", text)
        self.assertIn("eu-west-9 (profile 'work')", text)
        self.assert_without(text, ACCESS, SECRET)

    def temporary(self):
        return json.dumps({"Version": 1, "AccessKeyId": ACCESS, "SecretAccessKey": SECRET, "SessionToken": TOKEN,
                           "Token": TOKEN, "Expiration": "2099-01-01T00:00:00Z"})

    def test_credentials_of_a_process(self):
        self.serve("--session-token", TOKEN)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del self.environment[name]
        (self.base / "keys.json").write_text(self.temporary())
        (self.base / ".aws").mkdir()
        (self.base / ".aws" / "config").write_text(f"[default]\ncredential_process = cat {self.base}/keys.json\n")
        text = self.report()
        self.assertRegex(text, "from credential_process of profile 'default', for another [0-9]+h")
        self.assertRegex(text, "ok +put +works")
        self.assert_without(text, ACCESS, SECRET, TOKEN)

    def serve_http(self, handler):
        """A server on a free port until the test is over."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_credentials_of_a_container(self):
        self.serve("--session-token", TOKEN)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del self.environment[name]
        service = self.serve_http(Keys)
        service.keys = self.temporary().encode()
        self.environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"http://127.0.0.1:{service.server_port}/keys"
        text = self.report()
        self.assertIn("from the container's credentials service, for another", text)
        self.assert_without(text, ACCESS, SECRET, TOKEN)

    def test_refused_keys_are_not_repeated(self):
        self.serve()
        self.environment["AWS_ACCESS_KEY_ID"] = "AKIANOBODYKNOWSME"
        self.assert_without(self.report(), "AKIANOBODYKNOWSME", SECRET)

    def test_a_proxy_with_a_password(self):
        self.serve()
        proxy = self.serve_http(Proxy)
        proxy.seen = []
        self.environment["http_proxy"] = f"http://someone:proxypassword@127.0.0.1:{proxy.server_port}"
        text = self.report()
        self.assertTrue(proxy.seen and proxy.seen[0], "the proxy was not used")
        self.assertIn("the proxy that http_proxy names", text)
        self.assert_without(text, "proxypassword", "someone", SECRET, ACCESS)

    def test_an_endpoint_with_a_password(self):
        self.serve()
        self.endpoint = self.endpoint.replace("http://", "http://user:endpointpassword@")
        self.assert_without(self.report(), "endpointpassword", SECRET)

    def test_a_report_that_cannot_be_written(self):
        result = self.doctor("--report", "/proc/none")
        self.assertEqual(result.returncode, 1)
        self.assertIn("the report cannot be written to /proc/none", result.stderr)


class Tls(DoctorCase):
    def certificate(self, *options):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.base / "key.pem",
                        "-out", self.base / "cert.pem", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", *options], check=True, capture_output=True)

    @contextlib.contextmanager
    def serving(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        server.seen = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.base / "cert.pem", self.base / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.endpoint = f"https://localhost:{server.server_port}"
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def test_a_certificate_that_nobody_trusts(self):
        self.certificate("-days", "30")
        with self.serving():
            found, status = self.store()
        self.assertEqual((status, found["TLS"][0]), (1, "wrong"))
        self.assertIn("CN = localhost", found["TLS"][1])
        self.assertIn("--ca-bundle", found["TLS"][2])
        self.assertNotIn("list", found, "nothing is sent to a server that is not trusted")

    def test_a_certificate_that_is_trusted_by_option(self):
        self.certificate("-days", "30")
        with self.serving():
            found, _ = self.store("--ca-bundle", self.base / "cert.pem")
        self.assertEqual(found["TLS"][0], "ok")
        self.assertIn("TLSv1.3", found["TLS"][1])
        self.assertIn("list", found)

    def test_a_certificate_that_ends_soon(self):
        self.certificate("-days", "3")
        with self.serving():
            found, _ = self.store("--ca-bundle", self.base / "cert.pem")
        self.assertEqual(found["TLS"][0], "note")


if __name__ == "__main__":
    PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    SERVER = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
