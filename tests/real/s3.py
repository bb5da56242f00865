#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A plain S3 client for tests, from Python's own library: what it sees does not come from Penstock.

Signs with SigV4 and talks path style. The server is named by the environment variables that the scripts beside this
file print: S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, S3_BUCKET.

    s3.py create-bucket            makes the bucket; one that is there already is fine
    s3.py wait SECONDS             until the server answers signed requests
    s3.py put KEY FILE [CLASS]     stores a file, in that storage class
    s3.py get KEY                  writes the object to standard output
    s3.py head KEY                 prints the answer's headers
    s3.py list [PREFIX]            prints "SIZE KEY" of every object
    s3.py restore KEY              asks for an archived object to be brought back
"""
import base64
import hashlib
import hmac
import http.client
import os
import re
import sys
import time
import urllib.parse
import xml.etree.ElementTree


class S3Error(Exception):
    """An answer other than 2xx; `status` is its code."""

    def __init__(self, status, text):
        super().__init__(f"HTTP {status}: {text[:400]}")
        self.status = status


class Client:
    """One bucket of one server."""

    def __init__(self, endpoint, access_key, secret_key, bucket, region="us-east-1"):
        self.host = urllib.parse.urlsplit(endpoint).netloc
        self.access_key = access_key
        self.secret_key = secret_key
        self.bucket = bucket
        self.region = region

    @classmethod
    def from_environment(cls):
        return cls(*(os.environ[name] for name in ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")))

    def request(self, method, key=None, query=None, body=b"", headers=None):
        """Returns (headers, body) of a 2xx answer."""
        path = "/" + self.bucket + ("" if key is None else "/" + urllib.parse.quote(key, safe="/~"))
        query_text = "&".join(f"{urllib.parse.quote(name, safe='~')}={urllib.parse.quote(value, safe='~')}"
                              for name, value in sorted((query or {}).items()))
        signed = self._sign(method, path, query_text, body, headers or {})
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path + ("?" + query_text if query_text else ""), body=body, headers=signed)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise S3Error(answer.status, content.decode("utf-8", "replace"))
        return {name.lower(): value for name, value in answer.getheaders()}, content

    def _sign(self, method, path, query_text, body, extra):
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        headers.update({name.lower(): value for name, value in extra.items()})
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = "\n".join((method, path, query_text, lines, names, digest))
        to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        key = ("AWS4" + self.secret_key).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                                    f"SignedHeaders={names}, Signature={signature}")
        return headers

    def create_bucket(self):
        try:
            self.request("PUT")
        except S3Error as error:
            if error.status != 409:  # 409: it exists
                raise

    def put(self, key, body, storage_class=None, metadata=None, headers=None):
        headers = dict(headers or {})
        headers.update({f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()})
        if storage_class:
            headers["x-amz-storage-class"] = storage_class
        self.request("PUT", key, body=body, headers=headers)

    def get(self, key):
        return self.request("GET", key)[1]

    def head(self, key):
        return self.request("HEAD", key)[0]

    def tags(self, key):
        """(name, value) of each."""
        tagging = xml.etree.ElementTree.fromstring(self.request("GET", key, {"tagging": ""})[1])
        text = {element.tag.rsplit("}", 1)[-1]: [] for element in tagging.iter()}
        for element in tagging.iter():
            text[element.tag.rsplit("}", 1)[-1]].append(element.text or "")
        return list(zip(text.get("Key", ()), text.get("Value", ())))

    def delete(self, key):
        self.request("DELETE", key)

    def restore(self, key):
        body = b"<RestoreRequest><Days>1</Days></RestoreRequest>"
        self.request("POST", key, {"restore": ""}, body)

    def lifecycle(self):
        """{id: text} of the bucket's lifecycle rules."""
        try:
            document = self.request("GET", query={"lifecycle": ""})[1].decode()
        except S3Error as error:
            if error.status != 404:
                raise
            return {}
        rules = re.findall(r"<Rule>.*?</Rule>", document, re.DOTALL)
        return {re.search(r"<ID>(.*?)</ID>", rule).group(1): rule for rule in rules}

    def put_lifecycle(self, rules):
        body = f"<LifecycleConfiguration>{rules}</LifecycleConfiguration>".encode()
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        self.request("PUT", query={"lifecycle": ""}, body=body, headers={"content-md5": digest})

    def delete_lifecycle(self):
        self.request("DELETE", query={"lifecycle": ""})

    def list(self, prefix=""):
        """{key: size} of every object under the prefix."""
        found = {}
        query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
        while True:
            page = xml.etree.ElementTree.fromstring(self.request("GET", query=query)[1])
            tag = page.tag[:page.tag.index("}") + 1] if page.tag.startswith("{") else ""
            encoded = page.findtext(tag + "EncodingType") == "url"
            for entry in page.iter(tag + "Contents"):
                key = entry.findtext(tag + "Key")
                found[urllib.parse.unquote_plus(key) if encoded else key] = int(entry.findtext(tag + "Size"))
            if page.findtext(tag + "IsTruncated") != "true":
                return found
            query["continuation-token"] = page.findtext(tag + "NextContinuationToken")

    def uploads(self):
        """(key, id) of the multipart uploads that are under way, at most a thousand."""
        page = xml.etree.ElementTree.fromstring(self.request("GET", query={"uploads": ""})[1])
        tag = page.tag[:page.tag.index("}") + 1] if page.tag.startswith("{") else ""
        return [(entry.findtext(tag + "Key"), entry.findtext(tag + "UploadId")) for entry in page.iter(tag + "Upload")]

    def wait(self, seconds):
        """Until a signed listing of all buckets works."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                Client("http://" + self.host, self.access_key, self.secret_key, "").request("GET")
                return
            except (OSError, http.client.HTTPException, S3Error) as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no good answer from {self.host} in {seconds} s; the last: {error}") from error
                time.sleep(0.2)


def main(arguments):
    client = Client.from_environment()
    match arguments:
        case ["create-bucket"]:
            client.create_bucket()
        case ["wait", seconds]:
            client.wait(float(seconds))
        case ["put", key, path, *storage_class]:
            with open(path, "rb") as file:
                client.put(key, file.read(), *storage_class)
        case ["get", key]:
            sys.stdout.buffer.write(client.get(key))
        case ["head", key]:
            for name, value in client.head(key).items():
                print(f"{name}: {value}")
        case ["list", *prefix]:
            for key, size in client.list(*prefix).items():
                print(size, key)
        case ["restore", key]:
            client.restore(key)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (S3Error, OSError) as failure:
        sys.exit(f"s3.py: {failure}")
