"""The first accounts and the Claude key, put into the deployed platform by its own means."""

import json
from contextlib import suppress
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra_cdk.local.deploy import Deployment
from infra_cdk.local.environment import REGION
from infra_cdk.local.errors import LocalRunError

ROLES = {"admin": ["admin"], "demo": ["user"]}


class Seeder:
    """Speaks to one emulated cloud."""

    def __init__(self, endpoint: str, deployment: Deployment) -> None:
        self._deployment = deployment
        # A credential that only an emulator takes: whatever the user's own AWS settings are, they are not used.
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
        patience = Config(read_timeout=120, retries={"total_max_attempts": 1})
        self._lambda = session.client("lambda", endpoint_url=endpoint, config=patience)
        self._secrets = session.client("secretsmanager", endpoint_url=endpoint, config=patience)
        self._mail = session.client("sesv2", endpoint_url=endpoint, config=patience)

    def ensure_user(self, person: str, account: dict[str, str]) -> None:
        """Make the account, or give it the name, password and roles it should have.

        Raises:
            LocalRunError: the platform refused; carries its message.
        """
        self._migrate({"ensure_user": {**account, "roles": ROLES[person]}})

    def register_agents(self) -> None:
        """Tell the database which agents the catalogue has now.

        Raises:
            LocalRunError: the platform refused; carries its message.
        """
        self._migrate({})

    def create_topics(self) -> None:
        """Make the Kafka topics on brokers that are not the run's own.

        Raises:
            LocalRunError: they are not reached, or refuse; carries the reason.
        """
        self._invoke(self._deployment.create_topics_function, {}, "The Kafka topics cannot be made")

    def _migrate(self, wanted: dict[str, Any]) -> None:
        self._invoke(self._deployment.migrate_database_function, wanted, "The database cannot be prepared")

    def _invoke(self, function: str, wanted: dict[str, Any], failed: str) -> None:
        try:
            answer = self._lambda.invoke(FunctionName=function, Payload=json.dumps(wanted).encode())
        except (BotoCoreError, ClientError) as error:
            raise LocalRunError(f"The function {function} cannot be invoked: {error}") from error
        told: dict[str, Any] = json.loads(answer["Payload"].read() or b"{}")
        if "FunctionError" in answer:
            why = f"{told.get('errorType')}: {told.get('errorMessage')}"
            raise LocalRunError(f"{failed}: {why}. The log `functions.log` has more.")

    def verify_sender(self, domain: str) -> None:
        """Let the emulated SES send in the name of this domain."""
        with suppress(self._mail.exceptions.AlreadyExistsException):
            self._mail.create_email_identity(EmailIdentity=domain)

    def put_claude_key(self, key: str) -> None:
        """Store the key that the functions use (the offline Claude takes any)."""
        self._secrets.put_secret_value(
            SecretId=self._deployment.claude_secret_arn, SecretString=json.dumps({"api_key": key})
        )
