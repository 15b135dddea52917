"""Accounts as administrators work with them: the accounts themselves, and all that a change of one reaches at once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from agent_platform.errors import FieldError, InvalidInput, PersonNotFound
from agent_platform.identity.api_keys import ApiKeys
from agent_platform.identity.invitations import Invitation, Invitations
from agent_platform.identity.people import People, Person
from agent_platform.identity.revocations import Revocations
from agent_platform.identity.sign_in_limits import SignInLimits
from agent_platform.identity.users import Users
from agent_platform.observability import get_logger
from agent_platform.storage.data_requests import DataRequest, DataRequests, RequestKind, ask
from agent_platform.storage.payloads import PayloadStore
from agent_platform.storage.webhooks import WebhookRepository
from agent_platform.webhooks.owners import end_of, owner_changed

if TYPE_CHECKING:
    from agent_platform.workflows.triggers import Triggers
    from functions.api.key_services import KeyDesk

LINK_SECONDS = 300
"""How long the address of an export is good: a download begins at once."""

EXPORT_EVERY = timedelta(hours=1)
"""How long a finished export is answered again instead of making another."""


class PeopleDesk:
    """Every method raises `StorageUnavailable` when what it works on does not answer.

    A change that could not reach everything is safe to ask for again: each part is idempotent.
    """

    def __init__(
        self,
        people: People,
        invitations: Invitations,
        revocations: Revocations,
        keys: ApiKeys,
        webhooks: WebhookRepository,
        key_desk: "Callable[[], KeyDesk]",
        triggers: "Callable[[], Triggers]",
    ) -> None:
        self.people = people
        self.invitations = invitations
        self._revocations = revocations
        self._keys = keys
        self._webhooks = webhooks
        self._key_desk = key_desk
        self._triggers = triggers

    def set_roles(self, user_id: str, roles: Sequence[str], *, by: str) -> Person:
        """Give an account exactly these roles; every token that says otherwise ends.

        Raises:
            PersonNotFound, InvalidInput, LastAdministrator, AddressUnconfirmed, Conflict: as `People.setting_roles`.
        """
        with self.people.setting_roles(user_id, roles) as (person, changed):
            if changed:
                # Before it counts: if sessions cannot be ended, nothing has changed.
                self._revocations.revoke_user(user_id)
        # In any case: the try before may have got no further.
        self._reach(person, ends=changed)
        if changed:
            _log("roles_changed", user_id, by, roles=list(person.roles))
        return person

    def disable(self, user_id: str, *, by: str) -> Person:
        """Let nobody in with this account: sessions, keys, triggers and webhooks stop at once.

        Raises:
            PersonNotFound, LastAdministrator, Conflict: as `People.disabling`.
        """
        with self.people.disabling(user_id) as person:
            self._stop(user_id)
        self._reach(person, ends=True)
        _log("account_disabled", user_id, by)
        return person

    def enable(self, user_id: str, *, by: str) -> Person:
        """Let its owner in again, with their keys and webhooks; they sign in anew.

        Raises:
            PersonNotFound, Conflict: as `People.enable`.
        """
        person = self.people.enable(user_id)
        self._reach(person)
        _log("account_enabled", user_id, by)
        return person

    def close(self, user_id: str, *, by: str) -> DataRequest:
        """Close an account for good, and ask for the erasure of all that belongs to it.

        Raises:
            PersonNotFound, LastAdministrator: as `People.beginning_erasure`.
        """
        with self.people.beginning_erasure(user_id) as (session, person):
            request = ask(session, "erasure", user_id, by=by)
            self._stop(user_id)
        self._reach(person, ends=True)
        _log("account_erasure_asked", user_id, by, request_id=request.id)
        return request

    def invite(self, email: str, name: str, roles: Sequence[str], *, by: str) -> Invitation:
        """Invite somebody; raises as `Invitations.invite`."""
        made = self.invitations.invite(email, name, roles, by=by)
        _log("invited", made.id, by, roles=list(made.roles))
        return made

    def invite_again(self, invitation_id: str, *, by: str) -> Invitation:
        """Send a new link; raises as `Invitations.send_again`."""
        sent = self.invitations.send_again(invitation_id)
        _log("invited_again", sent.id, by)
        return sent

    def withdraw_invitation(self, invitation_id: str, *, by: str) -> None:
        """Have its link work no longer; raises as `Invitations.withdraw`."""
        _log("invitation_withdrawn", self.invitations.withdraw(invitation_id).id, by)

    def accept_invitation(self, token: str, password: str, name: str) -> str:
        """The id of the account that was invited; raises as `Invitations.accept`."""
        return self.invitations.accept(token, password, name, self.end_made)

    def end_made(self, session: Any, user_id: str) -> None:
        """End what was made with an account that turns out to be somebody else's. Idempotent.

        Args:
            session: the transaction that holds the account's row.
        """
        # Sessions first: then nothing new is made.
        self._revocations.revoke_user(user_id)
        self._key_desk().revoke_all(user_id)
        end_of(self._webhooks, user_id)
        self._triggers().end_of(session, user_id)
        _log("what_was_made_ended", user_id, user_id)

    def _stop(self, user_id: str) -> None:
        """Before it counts that nobody comes in: whoever is killed between the two leaves no key that works."""
        self._revocations.revoke_user(user_id)
        self._keys.owner_changed(user_id, lambda: None)

    def _reach(self, person: Person, *, ends: bool = False) -> None:
        """Everything that keeps what an account may do, once the account itself is changed; `ends` its sessions."""
        if ends:
            # Once more, for whoever signed in while the change was under way.
            self._revocations.revoke_user(person.id)
        self._keys.owner_changed(person.id, lambda: self._roles_now(person.id))
        roles = self._roles_now(person.id)
        owner_changed(self._webhooks, person.id, comes_in=bool(roles), is_admin="admin" in (roles or ()))

    def _roles_now(self, user_id: str) -> Sequence[str] | None:
        try:
            return self.people.get(user_id).effective_roles
        except PersonNotFound:
            return None


class DataDesk:
    """Exports and erasures. Every method raises `StorageUnavailable` when what it works on does not answer."""

    def __init__(
        self,
        requests: DataRequests,
        users: Users,
        people: Callable[[], PeopleDesk],
        limits: SignInLimits,
        payloads: PayloadStore,
        begin: Callable[[dict[str, Any]], None],
    ) -> None:
        """`begin` has a request carried out later."""
        self._requests = requests
        self._users = users
        self._people = people
        self._limits = limits
        self._payloads = payloads
        self._begin = begin

    def export(self, user_id: str, *, by: str) -> DataRequest:
        """Have everything about a person collected; where that is under way, it goes on.

        One that was finished within the last hour, and is still there, is answered again.

        Raises:
            PersonNotFound: there is no such account.
        """
        self._people().people.get(user_id)
        for last in self._requests.of(user_id, kind="export", limit=1):
            is_new = last.finished_at is not None and datetime.now(UTC) - last.finished_at < EXPORT_EVERY
            if is_new and self._lies_there(last):
                return last
        request = self._requests.ask("export", user_id, by=by)
        if self._called(request):
            _log("export_asked", user_id, by, request_id=request.id)
        return request

    def erase(self, user_id: str, *, by: str) -> DataRequest:
        """Close an account and have all that belongs to it erased; where that is under way, it goes on.

        Raises:
            PersonNotFound, LastAdministrator: as `People.beginning_erasure`.
        """
        request = self._people().close(user_id, by=by)
        self._called(request)
        return request

    def erase_mine(self, user_id: str, password: str) -> DataRequest:
        """The same for one's own account, whose password is asked for again.

        Raises:
            InvalidInput: the password is wrong.
            TooManyAttempts: a wrong one was given too often.
            LastAdministrator: nobody would be left who can administrate.
        """
        self._limits.proving(user_id)
        if not self._users.proves_itself(user_id, password):
            raise InvalidInput("The password is wrong.", errors=[FieldError("password", "is not your password")])
        self._limits.proved(user_id)
        return self.erase(user_id, by=user_id)

    def of(self, user_id: str, *, kind: RequestKind | None = None) -> list[DataRequest]:
        """The requests about a person, the newest first."""
        return self._requests.of(user_id, kind=kind)

    def link(self, request: DataRequest) -> str | None:
        """Where a finished export can be fetched for five minutes; None where there is none, or no longer."""
        if request.object_key is None or not self._lies_there(request):
            return None
        return self._payloads.download_url(request.object_key, "my-data.zip", LINK_SECONDS)

    def _lies_there(self, request: DataRequest) -> bool:
        return request.object_key is not None and self._payloads.size(request.object_key) is not None

    def _called(self, request: DataRequest) -> bool:
        """Have it carried out, unless somebody does so already, or was asked to a moment ago."""
        with self._requests.calling(request.id) as nobody:
            if nobody:
                self._begin({"request_id": request.id})
        return nobody


def _log(act: str, subject: str, by: str, **more: object) -> None:
    """What an administrator, or somebody with their own account, did: ids only, in the log of the control plane."""
    get_logger().info("account_administered", extra={"act": act, "subject": subject, "principal": by, **more})
