"""What can keep the platform from running on this machine."""


class LocalRunError(Exception):
    """The run cannot go on. The message says what happened and what to do about it."""


class PortTakenError(LocalRunError):
    """The port the user asked for belongs to another program."""


class AlreadyRunningError(LocalRunError):
    """Another run holds this state directory."""


class ChildError(LocalRunError):
    """A child process did not start, or stopped while it was needed. Carries the last lines of its log."""
