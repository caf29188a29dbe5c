#!/usr/bin/env python3
"""Reads and sets the size of the MiniCluster that it runs in, from inside a rank.

It needs nothing but Python 3.9 or later, and spec.selfScaling: true, which gives
the ranks a token for the scale of their own MiniCluster and for nothing else.

  scale.py get       print the size that is wished and the number of ranks there
  scale.py scale N   wish for N ranks
  scale.py wait N    wait until N ranks exist, at most 300 seconds

Without --name it is about the MiniCluster that the pod belongs to.
"""

import argparse
import json
import os
import pathlib
import ssl
import sys
import time
import urllib.error
import urllib.request

# Where Kubernetes mounts a pod's ServiceAccount.
ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
REQUEST_TIMEOUT = 10  # seconds
LOOK_INTERVAL = 1  # seconds between looks of wait: the token may not watch


class ScaleError(Exception):
    """Says why the scale could not be read or set, for people."""


class MiniCluster:
    """The MiniCluster that this pod belongs to, or the one called name."""

    def __init__(self, name=None, account=ACCOUNT, environment=os.environ):
        host = environment.get("KUBERNETES_SERVICE_HOST")
        port = environment.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise ScaleError(
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: "
                "this runs in a pod of a MiniCluster; in a job of Flux, submit it "
                "with the lead's environment"
            )
        # NAME-0.SERVICE.NAMESPACE.svc
        lead, _, _ = environment.get("GOPHERLOCKS_LEAD_HOST", "").partition(".")
        self.name = name or (lead[: -len("-0")] if lead.endswith("-0") else "")
        if not self.name:
            raise ScaleError("GOPHERLOCKS_LEAD_HOST is not set, which names the MiniCluster: give --name")
        self.account = account
        if ":" in host:
            host = f"[{host}]"  # IPv6
        self.url = (
            f"https://{host}:{port}/apis/flux-framework.org/v1alpha2"
            f"/namespaces/{self._read('namespace')}/miniclusters/{self.name}/scale"
        )
        # Not ssl.create_default_context: since Python 3.13 it refuses authorities
        # without an extension that many clusters' authorities lack.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(cadata=self._read("ca.crt"))
        # Without a proxy: the API server is in the cluster.
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
        )

    def get(self):
        """Returns (ranks wished, ranks there)."""
        return self._request("GET")

    def scale(self, size):
        """Wishes for size ranks. The API server refuses what is out of bounds."""
        return self._request("PATCH", {"spec": {"replicas": size}})

    def wait(self, size, timeout=300):
        """Waits until size ranks exist, at most timeout seconds.

        They may not have joined the instance yet: Flux keeps a job pending
        until they have.
        """
        deadline = time.monotonic() + timeout
        while True:
            wished, there = self.get()
            if there == size:
                return wished, there
            if time.monotonic() >= deadline:
                raise ScaleError(
                    f"after {timeout:g} s MiniCluster {self.name} has not come to "
                    f"size {size}: size {wished} wished, {there} there"
                )
            time.sleep(LOOK_INTERVAL)

    def _read(self, file):
        try:
            return (self.account / file).read_text().strip()
        except FileNotFoundError as error:
            raise ScaleError(
                f"{error}: the pod has no token; set spec.selfScaling: true in the MiniCluster"
            ) from error

    def _request(self, method, body=None):
        # The token is read each time: the kubelet writes a new one before it expires.
        headers = {"Authorization": "Bearer " + self._read("token")}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/merge-patch+json"
        request = urllib.request.Request(self.url, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=REQUEST_TIMEOUT) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise ScaleError(f"MiniCluster {self.name}: {refusal(error)}") from error
        except OSError as error:
            raise ScaleError(f"MiniCluster {self.name}: {error}") from error
        return answer["spec"].get("replicas", 0), answer.get("status", {}).get("replicas", 0)


def refusal(error):
    """The message of a Status of the API server, or the HTTP status."""
    try:
        return json.load(error)["message"]
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def main():
    parser = argparse.ArgumentParser(description="Scales the MiniCluster that this runs in.")
    parser.add_argument("--name", help="MiniCluster; default: the one that this pod belongs to")
    parser.add_argument("--account", type=pathlib.Path, default=ACCOUNT, help="folder of the ServiceAccount")
    parser.add_argument("--timeout", type=float, default=300, help="seconds to wait at most; default: 300")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("get", help="print the size that is wished and the number of ranks there")
    commands.add_parser("scale", help="wish for a number of ranks").add_argument("size", type=int)
    commands.add_parser("wait", help="wait until so many ranks exist").add_argument("size", type=int)
    arguments = parser.parse_args()
    try:
        cluster = MiniCluster(arguments.name, arguments.account)
        if arguments.command == "scale":
            wished, there = cluster.scale(arguments.size)
        elif arguments.command == "wait":
            wished, there = cluster.wait(arguments.size, arguments.timeout)
        else:
            wished, there = cluster.get()
    except ScaleError as error:
        sys.exit(f"scale.py: {error}")
    print(f"size {wished} wished, {there} there")


if __name__ == "__main__":
    main()
