# Copyright: (c) 2026, the voiceagent.sms authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the receivers under their own names over HTTPS: a proxy that leads to the sandbox, with certificates.

A program that takes ``HTTPS_PROXY`` and ``REQUESTS_CA_BUNDLE`` from :attr:`Front.environment` reaches
``https://sms-south.voiceagent.cloud.ibm.com`` as it would on the internet, and nothing but the sandbox's receivers.
"""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import select
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

#: Hosts with these names show an expired certificate.
EXPIRED = "expired."


class Front:
    """A proxy on loopback that leads to the sandbox."""

    def __init__(self, port: int, known: Callable[[str], bool]) -> None:
        """Forward connections to known hosts (``host:port``, or ``host``) to this loopback port."""
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-front-")
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sandbox")])
        self._authority = self._certificate(self._name, "sandbox.example", authority=True)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        front = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError, ValueError):  # a peer that went away
                    front.serve(self.connection, port, known)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        bundle = pathlib.Path(self._folder.name) / "ca.pem"
        bundle.write_bytes(self._authority.public_bytes(serialization.Encoding.PEM))
        #: The variables that point to the proxy.
        self.environment = {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._server.server_address[1]}",
            "REQUESTS_CA_BUNDLE": str(bundle),
        }
        threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()

    def serve(self, peer: socket.socket, port: int, known: Callable[[str], bool]) -> None:
        """Serve one CONNECT: TLS with the certificate of the wanted host, forwarded to the sandbox."""
        peer.settimeout(60)
        head = b""
        while b"\r\n\r\n" not in head and len(head) < 10_000:
            piece = peer.recv(4096)
            if not piece:
                return
            head += piece
        method, target, _version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        host, _colon, there = target.lower().rpartition(":")
        if method != "CONNECT" or not known(host if there == "443" else target.lower()):
            peer.sendall(b"HTTP/1.1 502 There is no such host\r\nContent-Length: 0\r\n\r\n")
            return
        peer.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with (
            self._context(host).wrap_socket(peer, server_side=True) as secure,
            socket.create_connection(("127.0.0.1", port), 60) as behind,
        ):
            _pass_on(secure, behind)

    def _context(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                chain = pathlib.Path(self._folder.name) / f"{len(self._contexts)}.pem"
                subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:64])])
                plain = serialization.NoEncryption()
                private = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
                own = self._certificate(subject, host, authority=False).public_bytes(serialization.Encoding.PEM)
                chain.write_bytes(private + own)
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(chain)
                self._contexts[host] = context
            return self._contexts[host]

    def _certificate(self, subject: x509.Name, host: str, *, authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        end = now - datetime.timedelta(days=300) if host.startswith(EXPIRED) else now + datetime.timedelta(days=1)
        public = self._key.public_key()
        return (
            x509.CertificateBuilder(self._name, subject, public, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=400))
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
            .add_extension(_usage(authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _usage(authority: bool) -> x509.KeyUsage:
    """Return a certificate's key usage, which strict verifiers (Python 3.13) require."""
    names = (
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    unused = dict.fromkeys(names, False)
    return x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **unused)


def _pass_on(one: ssl.SSLSocket, other: socket.socket) -> None:
    """Pass on the data of both sides, until one of them ends."""
    while True:
        ready = [one] if one.pending() else select.select([one, other], [], [], 60)[0]
        if not ready:
            return
        for source in ready:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)
