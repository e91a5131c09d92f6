"""Authorities and certificates for one test run, made by `openssl`; nothing of them is kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

DAYS = "2"
CURVE = ("-pkeyopt", "ec_paramgen_curve:prime256v1")


class Authority:
    """A certificate authority of the test's own, in a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._folder = folder
        _openssl(
            "req", "-x509", "-newkey", "ec", *CURVE, "-nodes", "-days", DAYS, "-subj", f"/CN={name}",
            "-keyout", self._key, "-out", self.certificate,
        )  # fmt: skip

    def issue(self, name: str, *, alternatives: str) -> tuple[Path, Path]:
        """Certificate and key (PKCS 8) for a common name; `alternatives` as openssl writes them, `IP:127.0.0.1`."""
        key, request, made = (self._folder / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n")
        _openssl("req", "-newkey", "ec", *CURVE, "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl(
            "x509", "-req", "-in", request, "-days", DAYS, "-CA", self.certificate, "-CAkey", self._key,
            "-CAcreateserial", "-extfile", extensions, "-out", made,
        )  # fmt: skip
        return made, key


def together(certificate: Path, key: Path, target: Path) -> Path:
    """Key and certificate in one PEM file, as Kafka's keystore takes them."""
    target.write_text(key.read_text() + certificate.read_text())
    return target


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
