"""Mail on this machine: the emulated Amazon SES takes it, and each mail becomes a text file. Nothing leaves."""

from infra_cdk.local.state import State

DOMAIN = "platform.example"
"""Reserved by RFC 2606: there is no such domain."""

SENDER = f"AI-Agents Platform <no-reply@{DOMAIN}>"


def context(address: str) -> dict[str, str]:
    """What the app is told: who sends, and where links lead, which is where this run's site is."""
    return {"mail_from": SENDER, "site_url": address}


def environment(state: State) -> dict[str, str]:
    """What the emulator is told: the folder of the files."""
    return {"MAILS": str(state.mails)}
