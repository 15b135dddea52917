"""What keeps an account its owner's: throttled sign-ins, passwords changed and reset, addresses confirmed."""

import statistics
import time

import pytest

from agent_platform.errors import Forbidden, MailUnavailable, TooManyAttempts
from agent_platform.identity.letters import PostOffice
from agent_platform.identity.principal import Principal
from agent_platform.storage.dynamodb import dynamodb
from functions.api.deps import a_person
from tests.fakes.gateway import Answer
from tests.functions.api.conftest import EMAIL, PASSWORD, Person, Platform

AUTH = "/api/v1/auth"
ME = "/api/v1/me"
NEW = "five other words make two"
SITE = "https://agents.example.com"


class Post:
    """Sends what was handed over, into a list."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.sent: list[tuple[str, str, str]] = []
        self._office = PostOffice(platform.services.one_time_tokens, self, SITE)

    def send(self, to: str, subject: str, text: str) -> None:
        self.sent.append((to, subject, text))

    def deliver(self) -> list[str]:
        """Send everything that waits; returns the tokens of the links."""
        orders, self.platform.letters[:] = list(self.platform.letters), []
        before = len(self.sent)
        for order in orders:
            self._office.send(order)
        return [text.partition("#token=")[2].split("\n")[0] for _, _, text in self.sent[before:]]


@pytest.fixture
def post(platform: Platform) -> Post:
    return Post(platform)


@pytest.fixture
def ada(platform: Platform, post: Post) -> Person:
    """Somebody with an account whose address is not confirmed."""
    person = platform.person(verified=False)
    platform.letters.clear()
    return person


def ask(platform: Platform, path: str, body: object = None, token: str | None = None) -> Answer:
    return platform.gateway.post(f"{AUTH}/{path}", body, token=token)


def forgot(platform: Platform, email: str = EMAIL) -> Answer:
    return ask(platform, "forgot-password", {"email": email})


def is_signed_in(platform: Platform, access_token: str) -> bool:
    return platform.gateway.get(ME, token=access_token).status == 200


class TestThrottling:
    @pytest.mark.usefixtures("ada")
    def test_after_five_wrong_passwords_there_is_a_wait_even_for_the_right_one(self, platform: Platform) -> None:
        assert [platform.login(password="not the password").status for _ in range(5)] == [401] * 5
        for password in ("not the password", PASSWORD):
            refused = platform.login(password=password)
            assert (refused.status, refused.code) == (429, "too_many_attempts")
            assert 1 <= int(refused.headers["retry-after"]) <= 30

    @pytest.mark.usefixtures("ada")
    def test_an_unknown_address_is_throttled_just_like_a_known_one(self, platform: Platform) -> None:
        known = [platform.login(password="not the password") for _ in range(7)]
        unknown = [platform.login("nobody@example.com", "not the password") for _ in range(7)]
        for one, other in zip(known, unknown, strict=True):
            assert one.status == other.status
            assert {**one.json, "trace_id": ""}.keys() == {**other.json, "trace_id": ""}.keys()
            assert one.code == other.code

    @pytest.mark.usefixtures("ada")
    def test_the_right_password_makes_the_wrong_ones_forgotten(self, platform: Platform) -> None:
        for _ in range(3):
            for _ in range(4):
                assert platform.login(password="not the password").status == 401
            assert platform.login().status == 200

    @pytest.mark.usefixtures("ada")
    def test_who_guesses_from_elsewhere_does_not_lock_the_owner_out(self, platform: Platform) -> None:
        limits = platform.services.sign_in_limits
        platform.login()
        for number in range(20):
            limits.signing_in(EMAIL, f"198.51.100.{number}")
        with pytest.raises(TooManyAttempts):
            limits.signing_in(EMAIL, "198.51.100.99")
        # Not from where the owner has signed in before.
        assert platform.login().status == 200

    @pytest.mark.usefixtures("ada")
    def test_a_new_password_by_mail_opens_what_guessing_has_closed(self, platform: Platform, post: Post) -> None:
        for _ in range(6):
            platform.login(password="not the password")
        assert platform.login().status == 429
        assert forgot(platform).status == 202
        (token,) = post.deliver()
        assert ask(platform, "reset-password", {"token": token, "password": NEW}).status == 204
        assert platform.login(password=NEW).status == 200

    def test_one_address_that_tries_many_accounts_is_stopped(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = platform.settings.model_copy(update={"attempts_per_source": 10})
        monkeypatch.setattr(platform.services, "_settings", settings)
        answers = [platform.login(f"user{number}@example.com", "one password").status for number in range(12)]
        assert answers == [401] * 10 + [429] * 2

    def test_what_neighbours_of_an_address_used_up_counts_against_no_account(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = platform.settings.model_copy(update={"attempts_per_source": 3})
        monkeypatch.setattr(platform.services, "_settings", settings)
        platform.register()
        for number in range(3):
            platform.login(f"user{number}@example.com", "one password")
        assert [platform.login().status for _ in range(25)] == [429] * 25
        # Nothing was tried, so from elsewhere nobody waits.
        platform.services.sign_in_limits.signing_in(EMAIL, "198.51.100.7")

    def test_whoever_signs_in_rightly_uses_up_nothing_of_their_address(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = platform.settings.model_copy(update={"attempts_per_source": 3})
        monkeypatch.setattr(platform.services, "_settings", settings)
        platform.register()
        assert [platform.login().status for _ in range(8)] == [200] * 8

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("forgot-password", {"email": EMAIL}),
            ("reset-password", {"token": "x" * 43, "password": NEW}),
            ("verify-email", {"token": "x" * 43}),
        ],
    )
    def test_what_needs_no_sign_in_is_limited_by_address(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch, path: str, body: object
    ) -> None:
        settings = platform.settings.model_copy(update={"attempts_per_source": 3})
        monkeypatch.setattr(platform.services, "_settings", settings)
        answers = [ask(platform, path, body) for _ in range(5)]
        assert [each.status == 429 for each in answers] == [False] * 3 + [True] * 2
        assert answers[-1].headers["retry-after"]

    def test_registering_is_limited_by_address(self, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = platform.settings.model_copy(update={"attempts_per_source": 3})
        monkeypatch.setattr(platform.services, "_settings", settings)
        answers = [platform.register(f"user{number}@example.com").status for number in range(5)]
        assert answers == [201] * 3 + [429] * 2

    @pytest.mark.usefixtures("ada")
    def test_without_the_table_nobody_signs_in(self, platform: Platform, tokens_table: str) -> None:
        dynamodb().delete_table(TableName=tokens_table)
        refused = platform.login()
        assert (refused.status, refused.code) == (503, "storage_unavailable")


class TestChangingThePassword:
    def test_it_ends_every_session_and_brings_this_client_a_new_one(self, platform: Platform, ada: Person) -> None:
        phone = platform.login().json
        changed = ask(platform, "password", {"current_password": PASSWORD, "password": NEW}, ada.access_token)
        assert changed.status == 200
        assert changed.headers["cache-control"] == "no-store"
        for ended in (ada.access_token, phone["access_token"]):
            assert not is_signed_in(platform, ended)
        for ended in (ada.refresh_token, phone["refresh_token"]):
            assert ask(platform, "refresh", {"refresh_token": ended}).status == 401
        assert is_signed_in(platform, changed.json["access_token"])
        assert ask(platform, "refresh", {"refresh_token": changed.json["refresh_token"]}).status == 200
        assert platform.login().status == 401
        assert platform.login(password=NEW).status == 200

    def test_it_needs_the_current_one_and_stops_whoever_guesses_it(self, platform: Platform, ada: Person) -> None:
        wrong = {"current_password": "not the password", "password": NEW}
        refused = [ask(platform, "password", wrong, ada.access_token) for _ in range(5)]
        assert [each.status for each in refused] == [422] * 5
        assert refused[0].json["errors"][0]["field"] == "current_password"
        assert ask(platform, "password", {**wrong, "current_password": PASSWORD}, ada.access_token).status == 429
        assert is_signed_in(platform, ada.access_token)
        assert platform.login().status == 200

    @pytest.mark.parametrize("password", ["short", "passwordpassword", EMAIL, "a" * 129])
    def test_a_password_that_is_not_accepted_changes_nothing(
        self, platform: Platform, ada: Person, password: str
    ) -> None:
        refused = ask(platform, "password", {"current_password": PASSWORD, "password": password}, ada.access_token)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, "password")
        assert is_signed_in(platform, ada.access_token)
        assert platform.login().status == 200

    def test_nothing_changes_where_sessions_cannot_be_ended(
        self, platform: Platform, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: object, **__: object) -> None:
            raise MailUnavailable("stands for any failure")

        with monkeypatch.context() as patched:
            patched.setattr(platform.services.sessions, "revoke_all", fails)
            body = {"current_password": PASSWORD, "password": NEW}
            assert ask(platform, "password", body, ada.access_token).status == 503
        assert platform.login().status == 200


class TestSigningOutEverywhere:
    def test_every_session_ends_this_one_too(self, platform: Platform, ada: Person) -> None:
        phone = platform.login().json
        gone = ask(platform, "revoke-all", token=ada.access_token)
        assert (gone.status, gone.json) == (200, None)
        for ended in (ada.access_token, phone["access_token"]):
            assert not is_signed_in(platform, ended)
        assert ask(platform, "refresh", {"refresh_token": phone["refresh_token"]}).status == 401

    def test_this_client_may_stay_signed_in(self, platform: Platform, ada: Person) -> None:
        phone = platform.login().json
        anew = ask(platform, "revoke-all", {"start_anew": True}, ada.access_token).json
        assert not is_signed_in(platform, phone["access_token"])
        assert not is_signed_in(platform, ada.access_token)
        assert is_signed_in(platform, anew["access_token"])
        assert ask(platform, "refresh", {"refresh_token": anew["refresh_token"]}).status == 200

    def test_it_needs_a_session(self, platform: Platform) -> None:
        assert ask(platform, "revoke-all").status == 401


class TestForgottenPassword:
    def test_the_whole_way_from_the_mail_to_the_new_password(self, platform: Platform, ada: Person, post: Post) -> None:
        asked = forgot(platform, " ADA@example.com ")
        assert (asked.status, asked.text) == (202, "null")
        (token,) = post.deliver()
        ((to, subject, text),) = post.sent
        assert (to, subject) == (EMAIL, "Set a new password")
        assert f"{SITE}/reset-password#token={token}" in text
        assert PASSWORD not in text
        assert ask(platform, "reset-password", {"token": token, "password": NEW}).status == 204
        assert not is_signed_in(platform, ada.access_token)
        assert ask(platform, "refresh", {"refresh_token": ada.refresh_token}).status == 401
        assert platform.login().status == 401
        session = platform.login(password=NEW).json
        # Who reads the mail has the address.
        assert session["user"]["email_verified"] is True

    @pytest.mark.usefixtures("ada")
    def test_nobody_learns_which_addresses_have_accounts(self, platform: Platform) -> None:
        known, unknown = forgot(platform), forgot(platform, "nobody@example.com")
        assert (known.status, known.text) == (unknown.status, unknown.text) == (202, "null")
        assert known.headers.keys() == unknown.headers.keys()
        # For both something is handed over; what is for nobody is sent to nobody.
        to_ada, to_nobody = platform.letters
        assert (to_ada.to, to_nobody.to, to_nobody.subject) == (EMAIL, None, None)

    @pytest.mark.usefixtures("ada")
    def test_an_address_without_an_account_takes_as_long(self, platform: Platform) -> None:
        def seconds(email: str) -> float:
            begun = time.perf_counter()
            forgot(platform, email)
            return time.perf_counter() - begun

        forgot(platform)
        pairs = [(seconds(EMAIL), seconds(f"nobody{number}@example.com")) for number in range(15)]
        known, unknown = (statistics.median(each) for each in zip(*pairs, strict=True))
        assert abs(known - unknown) < 0.25 * max(known, unknown) + 0.005

    @pytest.mark.usefixtures("ada")
    def test_a_token_works_once(self, platform: Platform, post: Post) -> None:
        forgot(platform)
        (token,) = post.deliver()
        assert ask(platform, "reset-password", {"token": token, "password": NEW}).status == 204
        again = ask(platform, "reset-password", {"token": token, "password": "six more words make three"})
        assert (again.status, again.code) == (400, "link_invalid")
        assert platform.login(password=NEW).status == 200

    @pytest.mark.usefixtures("ada")
    def test_a_refused_password_leaves_the_token_good(self, platform: Platform, post: Post) -> None:
        forgot(platform)
        (token,) = post.deliver()
        assert ask(platform, "reset-password", {"token": token, "password": "passwordpassword"}).status == 422
        assert ask(platform, "reset-password", {"token": token, "password": NEW}).status == 204

    @pytest.mark.usefixtures("ada")
    def test_setting_a_password_ends_every_other_link(self, platform: Platform, post: Post) -> None:
        forgot(platform)
        forgot(platform)
        first, second = post.deliver()
        assert ask(platform, "reset-password", {"token": second, "password": NEW}).status == 204
        late = ask(platform, "reset-password", {"token": first, "password": "six more words make three"})
        assert (late.status, late.code) == (400, "link_invalid")

    def test_a_token_for_another_purpose_sets_no_password(self, platform: Platform, ada: Person, post: Post) -> None:
        ask(platform, "verify-email/send", token=ada.access_token)
        (token,) = post.deliver()
        refused = ask(platform, "reset-password", {"token": token, "password": NEW})
        assert (refused.status, refused.code) == (400, "link_invalid")

    @pytest.mark.usefixtures("ada")
    def test_a_mailbox_is_not_flooded_and_its_owner_still_has_a_good_link(self, platform: Platform, post: Post) -> None:
        assert [forgot(platform).status for _ in range(12)] == [202] * 12
        tokens = post.deliver()
        assert len(tokens) == 4  # the fifth was sent when the account was made
        assert ask(platform, "reset-password", {"token": tokens[0], "password": NEW}).status == 204

    @pytest.mark.usefixtures("ada")
    def test_where_no_mail_is_sent_everybody_hears_so(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(platform.services, "hand_over")
        answers = [forgot(platform, email) for email in (EMAIL, "nobody@example.com")]
        assert [(each.status, each.code) for each in answers] == [(503, "mail_unavailable")] * 2


class TestVerifyingTheAddress:
    def test_registering_sends_the_link_and_following_it_verifies(self, platform: Platform, post: Post) -> None:
        session = platform.register().json
        assert session["user"]["email_verified"] is False
        (token,) = post.deliver()
        ((to, _, text),) = post.sent
        assert to == EMAIL
        assert f"{SITE}/verify-email#token={token}" in text
        assert ask(platform, "verify-email", {"token": token}).status == 204
        me = platform.gateway.get(ME, token=session["access_token"]).json
        assert me["email_verified"] is True

    def test_the_link_works_once_and_no_other_token_does(self, platform: Platform, ada: Person, post: Post) -> None:
        ask(platform, "verify-email/send", token=ada.access_token)
        forgot(platform)
        verify, reset = post.deliver()
        assert ask(platform, "verify-email", {"token": reset}).code == "link_invalid"
        assert ask(platform, "verify-email", {"token": verify}).status == 204
        assert ask(platform, "verify-email", {"token": verify}).code == "link_invalid"

    def test_it_can_be_sent_again_but_not_endlessly_nor_when_it_is_done(
        self, platform: Platform, ada: Person, post: Post
    ) -> None:
        sent = [ask(platform, "verify-email/send", token=ada.access_token).status for _ in range(8)]
        assert sent == [202] * 8
        tokens = post.deliver()
        assert len(tokens) == 4  # the fifth was sent when the account was made
        ask(platform, "verify-email", {"token": tokens[-1]})
        ask(platform, "verify-email/send", token=ada.access_token)
        assert post.deliver() == []

    def test_an_account_is_made_though_its_mail_cannot_be_sent(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(platform.services, "hand_over")
        assert platform.register().status == 201
        session = platform.login().json
        refused = ask(platform, "verify-email/send", token=session["access_token"])
        assert (refused.status, refused.code) == (503, "mail_unavailable")

    def test_what_an_operator_makes_needs_no_mail(self, platform: Platform) -> None:
        platform.services.users.ensure(EMAIL, PASSWORD, "Ada", ["user"])
        assert platform.login().json["user"]["email_verified"] is True


def test_an_api_key_never_becomes_a_session(ada: Person) -> None:
    key = Principal(ada.id, EMAIL, frozenset({"user"}), token_id="", key_id="k-1")
    with pytest.raises(Forbidden, match="API key"):
        a_person(key)
