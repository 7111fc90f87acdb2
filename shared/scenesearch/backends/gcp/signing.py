"""Signatures of links without a key file: Google's IAM signs for a service account that this one may speak for."""

from __future__ import annotations

import google.auth.transport.requests
from google.auth import iam
from google.auth.credentials import Credentials, Signing

from scenesearch.backends.gcp.faults import translated
from scenesearch.errors import ConfigurationError


class IamSigning(Signing):
    """Signs with `iamcredentials.signBlob` (role `roles/iam.serviceAccountTokenCreator` on the account itself)."""

    def __init__(self, credentials: Credentials, account: str = "", request: google.auth.transport.Request | None = None) -> None:
        """`account` signs; empty: the service account that the credentials belong to."""
        self._credentials = credentials
        self._account = account
        self._request = request or google.auth.transport.requests.Request()

    @property
    def signer_email(self) -> str:
        """Raises `ConfigurationError` when nobody says which account signs."""
        if not self._account:
            if getattr(self._credentials, "service_account_email", "default") == "default" and not self._credentials.valid:
                with translated("finding out which service account this is"):
                    self._credentials.refresh(self._request)  # metadata servers tell the address then
            self._account = getattr(self._credentials, "service_account_email", "")
        if not self._account or self._account == "default":
            raise ConfigurationError(
                "links cannot be signed: set SCENESEARCH_GCP_SIGNER to a service account that this account may sign as"
            )
        return self._account

    @property
    def signer(self) -> iam.Signer:
        """What signs with the account's key, which never leaves Google."""
        return iam.Signer(self._request, self._credentials, self.signer_email)

    def sign_bytes(self, message: bytes) -> bytes:
        """The signature of the message. Raises `Unavailable`, `ConfigurationError`."""
        with translated("signing a link"):
            signature: bytes = self.signer.sign(message)
        return signature


class EmulatorSigning(Signing):
    """For storage emulators, which do not look at signatures."""

    signer_email = "emulator@localhost"
    signer = None

    def sign_bytes(self, message: bytes) -> bytes:
        """A signature that nobody checks."""
        return b"unsigned"
