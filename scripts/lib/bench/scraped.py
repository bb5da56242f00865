# SPDX-License-Identifier: Apache-2.0
"""What it costs that a loaded mount is scraped."""
import pathlib
import re
import subprocess
import threading
import time
import urllib.request

from bench.parts import BUILD, MIB
from bench.workloads import Row, Workload, synthetic

FILES = 8
SIZE = 512 * MIB
EACH_SECOND = 10  # more often than Prometheus would, for there are some seconds only


def scraping_cpu(process):
    """Seconds of CPUs that the threads used which answer by HTTP."""
    spent = 0
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        if (task / "comm").read_text(encoding="utf-8").startswith("civetweb"):
            spent += int((task / "schedstat").read_text(encoding="utf-8").split()[0]) / 1e9
    return spent


def metrics_url(mount):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = re.search(r"metrics are at (http://\S+)\n", mount.log_path.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.01)
    raise RuntimeError("the mount does not say where its metrics are")


def scraped(_server, mount):
    """Programs read as fast as they can; the limit is 1 % of one CPU for a scrape a second."""
    url = metrics_url(mount)
    scrapes = 0
    ended = threading.Event()

    def scrape():
        nonlocal scrapes
        while not ended.is_set():
            with urllib.request.urlopen(url) as answer:
                answer.read()
            scrapes += 1
            time.sleep(1 / EACH_SECOND)

    before = scraping_cpu(mount.process.pid)
    begin = time.monotonic()
    scraper = threading.Thread(target=scrape)
    scraper.start()
    subprocess.run([BUILD / "fsload", "read", "--file", mount.path / "f", "--files", str(FILES)], check=True,
                   stdout=subprocess.DEVNULL)
    took = time.monotonic() - begin
    ended.set()
    scraper.join()
    each = (scraping_cpu(mount.process.pid) - before) / scrapes
    return Row(0.01 / each, f"{each:.2%} of a CPU for one a second, beside {mount.used_cpu() / took:.0%}", FILES * SIZE)


SCRAPED = [
    Workload("scraped while 8 streams are read", "1 % of a CPU", "≥ 1", scraped, tuple(synthetic(FILES, "512M")),
             {"connection_mbps": 0}, ("--metrics-address", "0")),
]
