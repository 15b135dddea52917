"""Mails of the running platform, which are files on a laptop."""

import re
import time

import httpx

from tests.e2e.platform_process import PlatformProcess

WAIT_SECONDS = 60.0


def token_mailed(platform: PlatformProcess, address: str, page: str) -> str:
    """The token in the newest link to this page of the site that was mailed to an address."""
    link = re.compile(rf"^\S+/{page}#token=(\S+)$", re.MULTILINE)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        for mail in sorted(platform.directory.glob(f"mails/*{address}.txt"), reverse=True):
            if found := link.search(mail.read_text()):
                return found[1]
        assert time.monotonic() < deadline, f"No mail to {address} with a link to {page} in {WAIT_SECONDS:.0f} s"
        time.sleep(0.2)


def confirm_address(platform: PlatformProcess, client: httpx.Client, address: str) -> None:
    """Follow the link of the mail that a new account gets."""
    token = token_mailed(platform, address, "verify-email")
    client.post("/api/v1/auth/verify-email", json={"token": token}).raise_for_status()
