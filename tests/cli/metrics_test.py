#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the metrics of mounts: metrics_test.py PENSTOCK S3_TESTSERVER [unittest arguments]."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

import cli_test

SERVER = ""
ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples_of(text):
    """{(name, frozenset of labels): value}"""
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            samples[name, frozenset(LABEL.findall(labels or ""))] = float(value)
    return samples


class MetricsCase(cli_test.MountCase):
    def setUp(self):
        super().setUp()
        self.cache = self.base / "cache"

    def tearDown(self):
        try:
            if self.mounted():
                self.penstock("umount", "--detach-pending", self.mnt)
        finally:
            super().tearDown()

    def exposition(self):
        shown = self.penstock("stats", "--prometheus", self.mnt)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        return shown.stdout

    def value(self, name, **labels):
        found = [value for (known, with_labels), value in samples_of(self.exposition()).items()
                 if known == name and frozenset(labels.items()) <= with_labels]
        self.assertTrue(found, f"{name} {labels}")
        return sum(found)

    def url(self):
        return re.search(r"metrics are at (http://\S+)", self.log.read_text())[1]

    def promtool(self, *arguments, **more):
        result = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, **more)
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        return result.stdout


def rows_of_the_table():
    table = subprocess.run([cli_test.PENSTOCK, "--generate", "metrics"], capture_output=True, text=True,
                           check=True).stdout
    return table, {match[1]: match[2] for match in re.finditer(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE)}


class Exposition(MetricsCase):
    def test_every_metric_of_the_table_is_there_and_no_other(self):
        self.mount("--cache-dir", self.cache)
        text = self.exposition()
        told = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        self.assertEqual(told, rows_of_the_table()[1])
        with_samples = {re.sub(r"_(bucket|sum|count)$", "", name) if told.get(name) is None else name
                        for name, _ in samples_of(text)}
        self.assertEqual(with_samples, set(told))

    def test_promtool_has_nothing_to_say(self):
        self.mount("--cache-dir", self.cache)
        self.promtool("check", "metrics", input=self.exposition())

    def test_the_page_has_the_table(self):
        page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
        self.assertTrue("\n" + rows_of_the_table()[0] in page,
                        "docs/monitoring.md has what this prints: penstock --generate metrics")

    def test_labels_have_few_values_and_name_no_file(self):
        self.mount("--cache-dir", self.cache)
        for number in range(50):
            (self.mnt / f"secret-{number}").write_bytes(b"x")
        text = self.exposition()
        self.assertNotIn("secret", text)
        self.assertNotIn(str(self.base), text)
        before = len(samples_of(text))
        for number in range(50):
            (self.mnt / f"secret-{number}").read_bytes()
        self.assertEqual(len(samples_of(self.exposition())), before)
        self.assertLess(before, 1500)

    def test_what_programs_do_is_counted(self):
        self.mount()
        before = self.value("penstock_file_operation_duration_seconds_count", operation="lookup")
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        (self.mnt / "new").write_bytes(b"x" * 100_000)
        with self.assertRaises(FileNotFoundError):
            (self.mnt / "nothing").stat()
        self.assertGreater(self.value("penstock_file_operation_duration_seconds_count", operation="lookup"), before)
        self.assertEqual(self.value("penstock_file_bytes_total", direction="read"), 6)
        self.assertEqual(self.value("penstock_file_bytes_total", direction="written"), 100_000)
        for operation in ("open", "create", "read", "write", "close"):
            with self.subTest(operation):
                self.assertGreater(self.value("penstock_file_operation_duration_seconds_count", operation=operation), 0)
                self.assertGreater(self.value("penstock_file_operation_duration_seconds_sum", operation=operation), 0)
        self.assertEqual(self.value("penstock_file_operation_errors_total"), 0)  # "no such file" is none
        self.assertEqual(self.value("penstock_store_bytes_total", request="get"), 6)
        self.assertEqual(self.value("penstock_store_bytes_total", request="put"), 100_000)
        self.assertEqual(self.value("penstock_store_requests_total", request="put"), 1)
        self.assertGreater(self.value("penstock_store_requests_total", request="list"), 0)
        self.assertEqual(self.value("penstock_store_first_byte_seconds_count"), 1)
        self.assertEqual(self.value("penstock_store_requests_in_flight"), 0)
        self.assertEqual(self.value("penstock_unstored_files"), 0)

    def test_a_file_that_is_not_stored_yet_is_told(self):
        self.mount()
        with open(self.mnt / "open", "wb") as file:
            file.write(b"x" * 70_000)
            file.flush()
            self.assertEqual(self.value("penstock_unstored_files"), 1)
            self.assertEqual(self.value("penstock_unstored_bytes"), 70_000)
            self.assertGreaterEqual(self.value("penstock_memory_used_bytes", use="dirty"), 70_000)
        self.assertEqual(self.value("penstock_unstored_files"), 0)
        self.assertEqual(self.value("penstock_memory_used_bytes", use="dirty"), 0)

    def test_hits_are_told_by_tier(self):
        (self.store / "large").write_bytes(os.urandom(6 << 20))
        self.mount("--cache-dir", self.cache, "--no-passthrough")
        self.assertEqual(len((self.mnt / "large").read_bytes()), 6 << 20)
        self.assertEqual(self.value("penstock_read_bytes_total", tier="store"), 6 << 20)
        self.assertEqual(self.value("penstock_read_hits_total", tier="cache"), 0)
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        self.mount("--cache-dir", self.cache, "--no-passthrough")
        self.assertEqual(len((self.mnt / "large").read_bytes()), 6 << 20)
        self.assertEqual(self.value("penstock_read_bytes_total", tier="cache"), 6 << 20)
        self.assertEqual(self.value("penstock_read_bytes_total", tier="store"), 0)
        self.assertEqual(self.value("penstock_read_bytes_total", tier="memory")
                         + self.value("penstock_reads_waited_bytes_total"), 6 << 20)

    def test_the_cost_follows_the_price_table(self):
        prices = self.base / "prices.toml"
        prices.write_text('currency = "EUR"\nput = 1000\nget = 10\nsent = 1073741824\n')
        self.mount("--price-table", prices)
        (self.mnt / "new").write_bytes(b"x" * 7)
        told = {(name, *sorted(value for _, value in labels)): number
                for (name, labels), number in samples_of(self.exposition()).items()}
        for item, price in (("put", 1), ("get", 1 / 100), ("delete", 0)):
            requests = told["penstock_store_billed_requests_total", item]
            self.assertAlmostEqual(told["penstock_store_cost_total", "EUR", item], requests * price)
        self.assertGreaterEqual(told["penstock_store_billed_requests_total", "put"], 2)  # a list and the put
        self.assertEqual(told["penstock_store_cost_total", "EUR", "sent"], 7)
        self.assertEqual(told["penstock_store_cost_total", "EUR", "received"], 0)

    def test_a_wrong_price_table_is_refused_before_anything_is_mounted(self):
        prices = self.base / "prices.toml"
        prices.write_text("put = 1\nlist = 2\n")
        result = self.penstock("mount", f"file://{self.store}", self.mnt, "--price-table", prices,
                               "--log-file", self.log)
        self.assert_fails(result, f"{prices}:2:1: 'list' is no price")
        self.assertFalse(self.mounted())


class Http(MetricsCase):
    def test_metrics_are_served_on_the_loopback_address(self):
        self.mount("--metrics-address", "0", "--cache-dir", self.cache)
        self.assertTrue(self.url().startswith("http://127.0.0.1:"), self.url())
        with urllib.request.urlopen(self.url(), timeout=cli_test.WAIT_S) as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
            text = answer.read().decode()
        self.promtool("check", "metrics", input=re.sub(r"(?m)^.*\bexposer_.*\n", "", text))
        names = {name for name, _ in samples_of(text) if not name.startswith("exposer_")}
        self.assertEqual(names, {name for name, _ in samples_of(self.exposition())})
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(self.url().replace("/metrics", "/etc/passwd"), timeout=cli_test.WAIT_S)

    def test_an_address_is_served_as_it_is_spelt_out(self):
        self.mount("--metrics-address", "127.0.0.2:0")
        self.assertTrue(self.url().startswith("http://127.0.0.2:"), self.url())
        with urllib.request.urlopen(self.url(), timeout=cli_test.WAIT_S) as answer:
            self.assertIn(b"penstock_build_info", answer.read())
        port = int(self.url().split(":")[2].split("/")[0])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=cli_test.WAIT_S)

    def test_nobody_serves_them_after_the_mount(self):
        self.mount("--metrics-address", "0")
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        with self.assertRaises(urllib.error.URLError):
            urllib.request.urlopen(self.url(), timeout=cli_test.WAIT_S)
        self.assert_fails(self.penstock("stats", self.mnt), "is not a mount of yours")

    def test_a_port_in_use_is_said_and_nothing_is_mounted(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = self.penstock("mount", f"file://{self.store}", self.mnt, "--metrics-address", port,
                                   "--log-file", self.log)
        self.assert_fails(result, f"cannot listen at 127.0.0.1:{port} for --metrics-address",
                          "each mount needs a port of its own")
        self.assertFalse(self.mounted())

    def test_what_is_no_address_is_refused(self):
        for wrong in ("example.com:9464", "127.0.0.1", "1.2.3.4:99999", "::1:9464", "", "host:"):
            result = self.penstock("mount", f"file://{self.store}", self.mnt, "--metrics-address", wrong)
            self.assert_fails(result, f"--metrics-address: '{wrong}' is not an address to listen at", "[::1]:9464")

    def test_a_client_that_says_nothing_does_not_keep_the_mount_from_ending(self):
        self.mount("--metrics-address", "0")
        port = int(self.url().split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)):
            self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)


class OverS3(MetricsCase):
    """Mounts of the project's own server, which fails as it is told to."""

    def setUp(self):
        super().setUp()
        port = self.base / "port"
        self.processes.append(subprocess.Popen([SERVER, "--port-file", port, "--threads", "1"],
                                               stdout=subprocess.DEVNULL))
        cli_test.wait_until(lambda: port.exists() and port.read_text(), "the server listens")
        self.endpoint = f"http://127.0.0.1:{port.read_text().strip()}"

    def tearDown(self):
        self.control("clear-faults")
        super().tearDown()

    def control(self, command, **query):
        request = urllib.request.Request(f"{self.endpoint}/-/{command}?{urllib.parse.urlencode(query)}", b"")
        with urllib.request.urlopen(request, timeout=cli_test.WAIT_S) as answer:
            self.assertEqual(answer.status, 200)

    def mount_bucket(self, *options):
        keys = {"AWS_ACCESS_KEY_ID": "testaccess", "AWS_SECRET_ACCESS_KEY": "testsecret"}
        result = self.penstock("mount", "s3://test", self.mnt, "--endpoint-url", self.endpoint, "--log-file", self.log,
                               "--state-dir", self.base / "state", *options, env={**os.environ, **keys})
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_what_the_store_refuses_is_counted_and_tried_again(self):
        self.mount_bucket("--no-cache")
        (self.mnt / "file").write_bytes(b"x" * 1000)
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        self.mount_bucket("--no-cache")
        self.control("fault", operation="GetObject", kind="error:503:SlowDown", times=2)
        self.control("fault", operation="GetObject", kind="error:500:InternalError", times=1)
        self.assertEqual((self.mnt / "file").read_bytes(), b"x" * 1000)
        gets = {name: self.value(f"penstock_store_{name}_total", request="get")
                for name in ("requests", "request_errors", "throttled", "retries", "bytes")}
        self.assertEqual(gets, {"requests": 4, "request_errors": 3, "throttled": 2, "retries": 3, "bytes": 1000})
        self.assertEqual(self.value("penstock_store_retries_total", request="list"), 0)
        self.assertGreater(self.value("penstock_store_throttle_limit"), 0)
        self.assertEqual(self.value("penstock_store_request_duration_seconds_count", request="get"), 4)

    def test_connections_are_counted(self):
        self.mount_bucket("--no-cache")
        (self.mnt / "file").write_bytes(b"x")
        opened = self.value("penstock_store_connections_opened_total")
        self.assertGreater(opened, 0)
        self.assertGreater(self.value("penstock_store_connections"), 0)
        self.assertLessEqual(self.value("penstock_store_connections"), opened)

    def test_requests_in_flight_wait_for_the_connections_that_there_are(self):
        self.mount_bucket("--no-cache", "--max-connections", "1", "--http-threads", "1")
        self.control("fault", operation="PutObject", kind="delay:3000", times=-1)
        writers = [threading.Thread(target=(self.mnt / f"file-{number}").write_bytes, args=(b"x",))
                   for number in range(3)]
        for writer in writers:
            writer.start()
        # One has the connection, whatever the others ask for.
        cli_test.wait_until(lambda: self.value("penstock_store_requests_in_flight") >= 2, "some are in flight")
        cli_test.wait_until(lambda: self.value("penstock_store_requests_waiting", reason="connection") >= 1,
                            "some wait for the connection")
        self.control("clear-faults")
        for writer in writers:
            writer.join()
        cli_test.wait_until(lambda: self.value("penstock_store_requests_in_flight") == 0, "none is left")
        self.assertEqual(self.value("penstock_store_requests_waiting"), 0)

    def test_what_is_pending_is_told_with_its_age(self):
        self.mount_bucket("--write-back", "--cache-dir", self.cache)
        self.control("fault", operation="PutObject", kind="error:500:InternalError", times=-1)
        (self.mnt / "pending").write_bytes(b"x" * 50_000)
        self.assertEqual(self.value("penstock_pending_files"), 1)
        self.assertEqual(self.value("penstock_pending_bytes"), 50_000)
        cli_test.wait_until(lambda: self.value("penstock_pending_oldest_seconds") > 0, "it has an age")
        cli_test.wait_until(lambda: self.value("penstock_store_request_errors_total", request="put") > 0, "it fails")
        cli_test.wait_until(lambda: self.value("penstock_store_retries_total", request="put") > 0, "it is tried again")
        self.assertIn("1 files (49KiB) to upload, the oldest for ", self.penstock("stats", self.mnt).stdout)
        self.control("clear-faults")
        cli_test.wait_until(lambda: self.value("penstock_pending_files") == 0, "it is uploaded")
        self.assertEqual(self.value("penstock_pending_oldest_seconds"), 0)


class Stats(MetricsCase):
    def test_people_are_shown_what_happened(self):
        self.mount("--cache-dir", self.cache)
        (self.mnt / "dir" / "file").read_bytes()
        shown = self.penstock("stats", self.mnt)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertTrue(shown.stdout.startswith(f"file://{self.store} at {self.mnt}, for "), shown.stdout)
        for pattern in (r"^  read +1 ", r"^  get +1 ", r"^  read 6B \(", r"^  memory +\d", r"^memory +\d.* of ",
                        r"^writes +0 files \(0B\) not stored, 0 files \(0B\) to upload$", r"^cost +\d+\.\d+ USD: put "):
            self.assertRegex(shown.stdout, re.compile(pattern, re.MULTILINE))
        self.assertNotRegex(shown.stdout, re.compile(r"^  rename ", re.MULTILINE))  # none has happened
        for line in shown.stdout.splitlines():
            self.assertLessEqual(len(line), 160)

    def test_programs_are_told_everything(self):
        self.mount()
        (self.mnt / "dir" / "file").read_bytes()
        told = json.loads(self.penstock("stats", "--json").stdout)
        mount, = [mount for mount in told["mounts"] if mount["mountpoint"] == str(self.mnt)]
        self.assertEqual((mount["source"], mount["process"]), (f"file://{self.store}", self.daemon_pid()))
        names = {(sample["name"], frozenset(sample["labels"].items())) for sample in mount["metrics"]}
        self.assertEqual(names, set(samples_of(self.exposition())))
        read, = [sample["value"] for sample in mount["metrics"]
                 if sample["name"] == "penstock_file_bytes_total" and sample["labels"] == {"direction": "read"}]
        self.assertEqual(read, 6)

    def test_wrong_arguments_are_said(self):
        self.assert_fails(self.penstock("stats", self.mnt), f"{self.mnt} is not a mount of yours; see penstock status")
        self.assert_fails(self.penstock("stats", "a", "b"), "'b' is one argument too many")
        self.assert_fails(self.penstock("stats", "--json", "--prometheus"), "contradict each other")
        self.assert_fails(self.penstock("stats", "--prometheus"), "penstock stats --prometheus MOUNTPOINT")

    def test_a_mount_that_does_not_tell_is_said(self):
        self.mount()
        pid_file, = [file for file in pathlib.Path("/run/penstock").glob("*.pid")
                     if file.read_text().splitlines()[1] == str(self.mnt)]
        os.unlink(f"{pid_file}.metrics")
        self.assert_fails(self.penstock("stats", self.mnt), f"{self.mnt} does not tell its metrics")


if __name__ == "__main__":
    cli_test.PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    SERVER = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
