"""How receivers know that a message is the platform's: Standard Webhooks (standardwebhooks.com, specification 1.0.0).

A subscription's secret is derived from the platform's key, so none is stored: who reads the table signs nothing.
"""

import base64
import hashlib
import hmac
from datetime import datetime

from agent_platform.errors import ConfigurationError
from agent_platform.identity.signing_keys import SigningKeys
from agent_platform.storage.webhooks import SecretVersion, Subscription

PREFIX = "whsec_"


class WebhookSecrets:
    """The secrets of all subscriptions. Every method raises what `SigningKeys` raises."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def following(self, version: SecretVersion | None) -> SecretVersion:
        """The version after this one, or the first, by the key that is active now."""
        key, _ = self._keys.active()
        return SecretVersion(number=version.number + 1 if version else 1, key=key)

    def secret(self, webhook_id: str, version: SecretVersion) -> str:
        """A secret as its owner is shown it: `whsec_` and the Base64 of 32 bytes.

        Raises:
            ConfigurationError: the platform's key that it came from was taken away.
        """
        return PREFIX + base64.b64encode(self._bytes(webhook_id, version)).decode()

    def headers(self, subscription: Subscription, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
        """The three headers of a message: after a rotation with two signatures for a while.

        Raises:
            ConfigurationError: as for `secret`.
        """
        stamp = str(int(now.timestamp()))
        signed = b".".join((message_id.encode(), stamp.encode(), body))
        versions = [subscription.secret]
        if subscription.previous_secret and subscription.previous_until and now < subscription.previous_until:
            versions.append(subscription.previous_secret)
        signatures = [
            base64.b64encode(hmac.digest(self._bytes(subscription.id, each), signed, hashlib.sha256)).decode()
            for each in versions
        ]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
        }

    def _bytes(self, webhook_id: str, version: SecretVersion) -> bytes:
        key = self._keys.find(version.key)
        if key is None:
            raise ConfigurationError(
                f"The platform's webhook key `{version.key}` is gone, and with it the secrets derived from it: put it "
                "back, and take it away only when every webhook has rotated."
            )
        return hmac.digest(key, f"webhook secret {webhook_id} {version.number}".encode(), hashlib.sha256)
