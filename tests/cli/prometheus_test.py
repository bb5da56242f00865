#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboard and the alert rules beside a mount, and a real Prometheus: prometheus_test.py PENSTOCK [unittest
arguments]."""

import json
import pathlib
import re
import socket
import subprocess
import sys
import unittest
import urllib.error
import urllib.parse
import urllib.request

import cli_test
import metrics_test
import yaml

MONITORING = metrics_test.ROOT / "packaging/monitoring"
RULES = MONITORING / "penstock-alerts.yml"
NAME = re.compile(r"\b(?:penstock|process)_\w+")


def panels():
    dashboard = json.loads((MONITORING / "penstock-dashboard.json").read_text(encoding="utf-8"))
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def dashboard_expressions():
    """As Grafana would send them, of all mounts."""
    return [target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            for panel in panels() for target in panel["targets"]]


def rules():
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


class Files(metrics_test.MetricsCase):
    def test_every_metric_that_they_name_is_one_of_a_mount(self):
        self.mount("--cache-dir", self.cache)
        told = {name for name, _ in metrics_test.samples_of(self.exposition())}
        expressions = dashboard_expressions() + [rule["expr"] for rule in rules()]
        named = set(NAME.findall(" ".join(expressions)))
        self.assertGreater(len(named), 30)
        self.assertEqual(named - told, set())

    def test_the_dashboard_shows_every_metric_but_what_it_is_found_by(self):
        table = metrics_test.rows_of_the_table()[1]
        shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in NAME.findall(" ".join(dashboard_expressions()))}
        hidden = {"penstock_start_time_seconds", "penstock_build_info", "penstock_feature", "penstock_cache_objects",
                  "penstock_cache_evicted_total", "penstock_cache_corrupt_chunks_total",
                  "penstock_reads_waited_bytes_total"}
        self.assertEqual(set(table) - shown, hidden)

    def test_no_panel_lies_over_another(self):
        cells = set()
        for panel in panels():
            place = panel["gridPos"]
            own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            self.assertFalse(cells & own, panel["title"])
            cells |= own
            self.assertLessEqual(place["x"] + place["w"], 24)

    def test_promtool_takes_the_rules(self):
        self.assertIn(f"SUCCESS: {len(rules())} rules found", self.promtool("check", "rules", RULES))

    def test_the_alerts_fire_when_they_should(self):
        tests = metrics_test.ROOT / "tests/monitoring/alerts_test.yml"
        self.assertIn("SUCCESS", self.promtool("test", "rules", tests.name, cwd=tests.parent))
        tested = set(re.findall(r"alertname: (\w+)", tests.read_text(encoding="utf-8")))
        self.assertEqual(tested, {rule["alert"] for rule in rules()})

    def test_the_page_has_every_alert(self):
        page = (metrics_test.ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
        self.assertEqual(set(re.findall(r"`(Penstock\w+)`", page)), {rule["alert"] for rule in rules()})

    def test_every_alert_says_which_mount_and_what_to_do(self):
        for rule in rules():
            with self.subTest(rule["alert"]):
                self.assertIn("$labels.instance", rule["annotations"]["summary"])
                self.assertTrue(rule["annotations"]["description"].endswith("."))
                self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))


class Prometheus(metrics_test.MetricsCase):
    """One that scrapes a mount ten times a second."""

    def start(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        target = self.url().removeprefix("http://").removesuffix("/metrics")
        config = self.base / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "100ms", "scrape_timeout": "100ms", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "penstock", "static_configs": [{"targets": [target]}]}]}))
        log = (self.base / "prometheus.log").open("w")
        self.addCleanup(log.close)
        self.processes.append(subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.base / 'tsdb'}",
             f"--web.listen-address={self.address}"], stdout=log, stderr=log))
        cli_test.wait_until(lambda: self.query("up{job='penstock'} == 1"), "Prometheus has scraped the mount")

    def ask(self, path, **query):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=cli_test.WAIT_S) as answer:
                return json.load(answer)["data"]
        except ConnectionError:
            return None
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it begins
                return None
            raise AssertionError(f"{query}: {error.read().decode()}") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionError):
                return None
            raise

    def query(self, expression):
        data = self.ask("query", query=expression)
        return data and data["result"]

    def number(self, expression):
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else 0

    def test_it_scrapes_a_mount_and_the_dashboard_has_something_to_show(self):
        self.mount("--metrics-address", "0", "--cache-dir", self.cache)
        self.start()
        (self.mnt / "new").write_bytes(b"x" * 50_000)
        self.assertEqual((self.mnt / "dir" / "file").read_bytes(), b"hello\n")
        cli_test.wait_until(lambda: self.number("penstock_file_bytes_total{direction='read'}") == 6, "the read is seen")
        cli_test.wait_until(lambda: self.number("increase(penstock_store_bytes_total{request='put'}[1m])") >= 50_000,
                            "the put is seen")
        may_be_empty = re.compile(r"> 0$|histogram_quantile|/ sum|/ \(sum")
        for expression in dashboard_expressions():
            with self.subTest(expression):
                cli_test.wait_until(
                    lambda e=expression: self.query(e) or may_be_empty.search(e), f"there is something of {expression}")
        buckets = "penstock_file_operation_duration_seconds_bucket{operation='read'}"
        self.assertGreater(self.number(f"histogram_quantile(0.99, sum by (le) ({buckets}))"), 0)
        loaded = [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
        self.assertEqual({rule["name"] for rule in loaded}, {rule["alert"] for rule in rules()})
        cli_test.wait_until(lambda: all(rule["health"] == "ok" for group in self.ask("rules")["groups"]
                                        for rule in group["rules"]), "every rule is evaluated")
        self.assertEqual(self.ask("alerts")["alerts"], [])

    def test_it_sees_that_the_mount_is_gone(self):
        self.mount("--metrics-address", "0")
        self.start()
        self.assertEqual(self.penstock("umount", self.mnt).returncode, 0)
        cli_test.wait_until(lambda: self.query("up{job='penstock'} == 0"), "the mount is told to be down")


if __name__ == "__main__":
    cli_test.PENSTOCK = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
