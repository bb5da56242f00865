# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with the server's answers, chosen by the seed: several faults at once, others every few seconds."""
import collections
import json
import math
import time
import urllib.parse
import urllib.request

# Operations that may lose their answer. That of CreateMultipartUpload is missing: whoever loses it cannot know the upload.
KNOWN_AGAIN = ("GetObject", "HeadObject", "PutObject", "ListObjectsV2", "DeleteObject", "DeleteObjects", "CopyObject",
               "UploadPart", "UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload")
# A mount that may not clean up leaves that to the next one: nothing that removes is refused.
CHANGES = ("PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy", "CompleteMultipartUpload")
READS = ("GetObject", "HeadObject", "ListObjectsV2")

# class: (kinds of the server, operations, most probability). Nobody can notice a flipped byte where no checksum is, so only
# bodies that have one are flipped: what is stored, and small objects that are read whole.
FAULTS = {
    "503": (("error:503:SlowDown", "error:503:ServiceUnavailable"), ("*",), 0.3),
    "500": (("error:500:InternalError", "error:504:GatewayTimeout"), ("*",), 0.3),
    "409": (("error:409:OperationAborted",), ("PutObject", "CopyObject", "DeleteObject", "CompleteMultipartUpload"), 0.1),
    "refused": (("error:403:AccessDenied",), CHANGES, 0.02),
    "time-out": (("error:400:RequestTimeout",), ("PutObject", "UploadPart"), 0.1),
    "dropped": (("reset",), ("*",), 0.1),
    "lost answer": (("lost-reply",), KNOWN_AGAIN, 0.1),
    "cut short": (("truncate", "reset-mid"), READS, 0.1),
    "stalled": (("stall-mid", "stall"), READS, 0.01),
    "hung": (("hang",), READS + ("PutObject", "UploadPart"), 0.01),
    "late": (("delay:300", "delay:2000"), ("*",), 0.2),
    "error in 200": (("error-in-200:InternalError",), ("CopyObject", "CompleteMultipartUpload"), 0.2),
    "flipped when stored": (("corrupt",), ("PutObject", "UploadPart"), 0.02),
    "flipped when read": (("corrupt",), ("GetObject",), 0.02),
}
STORM_SECONDS = 60


class Director:
    def __init__(self, host, randomness, trouble, small_keys):
        self.control = f"http://{host}/-/"
        self.random = randomness
        self.trouble = trouble
        self.small_keys = small_keys
        self.until = 0
        self.happened = collections.Counter()  # by the server's names

    def command(self, name, **query):
        url = f"{self.control}{name}?{urllib.parse.urlencode(query)}"
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30).close()

    def calm(self):
        self.command("clear-faults")
        self.command("timing", **{"first-byte-ms": 0, "list-ms": 0})
        self.trouble.value = time.monotonic()
        self.until = 0

    def count(self):
        """Asks the server how often each kind has happened since it was asked last. Nothing else makes it fail."""
        with urllib.request.urlopen(self.control + "stats", timeout=30) as answer:
            for kind, times in json.load(answer)["faults"].items():
                self.happened[kind] += times
        self.command("reset-stats")

    def change(self, end):
        """Other faults, where the last ones have had their time; `end` is when they have to be over."""
        now = time.monotonic()
        if now < self.until or now >= end:
            return
        self.trouble.value = math.inf
        self.command("clear-faults")
        storm = self.random.random() < 0.1
        seconds = min(STORM_SECONDS if storm else self.random.uniform(2, 8), end - now)
        self.until = now + seconds
        if storm:
            chosen = [(self.random.choice(("503", "500")), self.random.choice((0.2, 1)))]
        else:
            names = self.random.sample(sorted(FAULTS), self.random.choice((1, 1, 2, 3, len(FAULTS))))
            chosen = [(name, self.random.uniform(0.1, 1) * FAULTS[name][2]) for name in names]
        for name, probability in chosen:
            self.order(name, probability)
        self.command("timing", **{"first-byte-ms": self.random.choice((0, 0, 5, 50)),
                                  "list-ms": self.random.choice((0, 0, 100))})

    def order(self, name, probability):
        kinds, operations, _ = FAULTS[name]
        kind = self.random.choice(kinds)
        for operation in operations:
            for key in self.small_keys if name == "flipped when read" else ("*",):
                self.command("fault", operation=operation, key=key, kind=kind, times=-1, probability=probability)
