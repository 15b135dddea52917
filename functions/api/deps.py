"""What the routes work with, made on first use: listing agents must not wait for a database driver to load."""

from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from agent_platform.agents.catalogue import Catalogue
from agent_platform.settings import ApiSettings
from agent_platform.storage.executions import ExecutionRepository

if TYPE_CHECKING:
    from agent_platform.identity.sessions import Sessions
    from agent_platform.identity.users import Users


class Services:
    """The platform's services, configured for this function."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings

    @cached_property
    def catalogue(self) -> Catalogue:
        """The compiled catalogue of agents."""
        return Catalogue(self._settings.catalogue_path)

    @cached_property
    def executions(self) -> ExecutionRepository:
        """Past executions."""
        return ExecutionRepository(self._settings.executions_table)

    @cached_property
    def users(self) -> "Users":
        """Accounts."""
        # SQLAlchemy and psycopg: 0.4 s of a cold start that only accounts need.
        from agent_platform.identity.users import Users
        from agent_platform.storage.postgres import credentials_from, open_engine

        return Users(open_engine(partial(credentials_from, self._settings.database_secret_arn)))

    @cached_property
    def sessions(self) -> "Sessions":
        """Signing in and out."""
        # Brings SQLAlchemy too, by way of the accounts.
        from agent_platform.identity.access_tokens import AccessTokens
        from agent_platform.identity.refresh_tokens import RefreshTokens
        from agent_platform.identity.revocations import Revocations
        from agent_platform.identity.sessions import Sessions
        from agent_platform.identity.signing_keys import SigningKeys

        table, lifetime = self._settings.tokens_table, self._settings.refresh_token_seconds
        revocations = Revocations(table, longest_life=lifetime)
        return Sessions(
            self.users,
            AccessTokens(self._settings, SigningKeys(self._settings.jwt_secret_arn)),
            RefreshTokens(table, lifetime=lifetime, revocations=revocations),
            revocations,
        )

    @property
    def access_token_seconds(self) -> int:
        """How long an access token lives, in seconds."""
        return self._settings.access_token_seconds


def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


CurrentServices = Annotated[Services, Depends(_services)]
