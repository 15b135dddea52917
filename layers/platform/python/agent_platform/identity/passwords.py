"""Passwords at rest: Argon2id hashes, and a check that takes as long for an account that does not exist."""

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from agent_platform.errors import ConfigurationError
from agent_platform.identity.password_rule import MAX_LENGTH, normalise_password

# Argon2id with 19 MiB, two passes and one lane: the least that OWASP's Password Storage Cheat Sheet recommends.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)

# The hash of a random value that was thrown away: what the password of an unknown account is checked against. It is a
# constant, because making it at run time would give away the first unknown account that a process meets.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$V+bHFAglQFOKMO7rPhwcOQ$q3lTXtS1DgET3hwJB/yIXdeepzyM4bpG9VZEXHjrs/8"


def hash_password(password: str) -> str:
    """The Argon2id hash in PHC format, with a fresh random salt."""
    return _HASHER.hash(normalise_password(password))


def verify_password(password: str, stored: str | None) -> bool:
    """Whether the password belongs to the stored hash.

    Pass None for an unknown account: the answer is False after the same work, so the time taken does not tell which
    accounts exist.

    Raises:
        ConfigurationError: the stored value is not an Argon2 hash.
    """
    oversized = len(password) > MAX_LENGTH
    candidate = "" if oversized else normalise_password(password)
    try:
        _HASHER.verify(stored or _NOBODY, candidate.encode("utf-8", "surrogatepass"))
    except InvalidHashError as error:
        raise ConfigurationError("A stored password hash is damaged: set a new password for this account.") from error
    except VerificationError:
        return False
    return stored is not None and not oversized


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)
