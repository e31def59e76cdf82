"""The rules of AWS Secrets Manager that moto does not keep, put before it.

Names, sizes, tokens, tags, what is scheduled for deletion, staging labels, the size of batches and
the quotas per second, with the error codes of the documentation. Like the service it quotes what it
refuses, so that a client that passes on a server's text gives itself away.

Two of moto's own mistakes are mended: a moved AWSCURRENT is what is read afterwards, and a secret
without a value is an error of its own inside a batch, not of the whole batch.
"""

import functools
import os
import re
import threading
import time

from moto.secretsmanager.exceptions import (
    InvalidParameterException,
    InvalidRequestException,
    ResourceExistsException,
    ResourceNotFoundException,
    SecretsManagerClientError,
    ValidationException,
)
from moto.secretsmanager.models import SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse

NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}")
VALUE_BYTES = 65_536
TAGS = 50
BATCH = 20
LABELS = 20

# Calls a second, in one account and region; actions of one family share one number.
QUOTAS = {
    "put_secret_value": ("versions", 50),
    "update_secret": ("versions", 50),
    "update_secret_version_stage": ("versions", 50),
    "replicate_secret_to_regions": ("versions", 50),
    "remove_regions_from_replication": ("versions", 50),
    "create_secret": ("create", 50),
    "delete_secret": ("delete", 50),
    "restore_secret": ("restore", 50),
    "tag_resource": ("tags", 50),
    "untag_resource": ("tags", 50),
    "batch_get_secret_value": ("batch", 100),
    "list_secrets": ("list", 100),
}


class ThrottlingException(SecretsManagerClientError):
    def __init__(self):
        super().__init__("ThrottlingException", "Rate exceeded")


class Quotas:
    """One bucket for each family; a bucket holds the calls of one second."""

    def __init__(self):
        self.lock = threading.Lock()
        self.buckets = {}

    def take(self, key, rate):
        with self.lock:
            now = time.monotonic()
            left, last = self.buckets.get(key, (rate, now))
            left = min(rate, left + (now - last) * rate)
            self.buckets[key] = (left - 1 if left >= 1 else left, now)
            return left >= 1


quotas = Quotas()


def refused(field, value, constraint):
    return ValidationException(
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
    )


def check_name(name):
    if not NAME.fullmatch(name or ""):
        raise refused("name", name, "Member must match [A-Za-z0-9/_+=.@!-]{1,512}")


def check_value(response, is_needed):
    text, binary = response._get_param("SecretString"), response._get_param("SecretBinary")
    if text is not None and binary is not None:
        raise InvalidParameterException("You can't specify both a binary value and a string value.")
    if text is None and binary is None:
        if is_needed:
            raise InvalidRequestException("You must provide either SecretString or SecretBinary.")
        return
    if text is not None:
        if text == "":
            raise refused("secretString", text, "Member must have length greater than or equal to 1")
        if len(text.encode()) > VALUE_BYTES:
            raise refused("secretString", text, f"Member must have length less than or equal to {VALUE_BYTES}")


def check_token(response):
    # The SDKs make one where the caller has none; the service itself wants it.
    token = response._get_param("ClientRequestToken")
    if token is None or not 32 <= len(token) <= 64:
        raise InvalidParameterException(f"You must provide a ClientRequestToken of 32 to 64 characters, not {token}.")


def check_tags(tags):
    if len(tags or []) > TAGS:
        raise InvalidParameterException(f"You can't attach more than {TAGS} tags.")


def secret_of(response):
    secret_id = response._get_param("SecretId")
    found = response.backend.secrets.get(secret_id)
    if found is None:
        raise ResourceNotFoundException("Secrets Manager can't find the specified secret.")
    return found


def alive(response):
    secret = secret_of(response)
    if secret.is_deleted():
        raise InvalidRequestException(
            "You can't perform this operation on the secret because it was marked for deletion."
        )
    return secret


def create_secret(response):
    name = response._get_param("Name")
    check_name(name)
    check_value(response, is_needed=False)
    check_token(response)
    check_tags(response._get_param("Tags"))
    found = response.backend.secrets.get(name)
    if found is not None and found.is_deleted():
        raise InvalidRequestException(
            "You can't create this secret because a secret with this name is already scheduled for deletion."
        )


def put_secret_value(response):
    secret = alive(response)
    check_value(response, is_needed=True)
    check_token(response)
    stages = response._get_param("VersionStages") or ["AWSCURRENT"]
    if not 1 <= len(stages) <= LABELS:
        raise refused("versionStages", stages, f"Member must have length of 1 to {LABELS}")
    token = response._get_param("ClientRequestToken")
    known = secret.versions.get(token)
    if known is not None and known.get("secret_string") != response._get_param("SecretString"):
        raise ResourceExistsException(f"{token} is already in use for a version of secret {secret.arn}.")


def update_secret(response):
    alive(response)
    check_value(response, is_needed=False)


def update_secret_version_stage(response):
    secret = alive(response)
    stage = response._get_param("VersionStage")
    source, goal = response._get_param("RemoveFromVersionId"), response._get_param("MoveToVersionId")
    attached = [key for key, version in secret.versions.items() if stage in version["version_stages"]]
    if attached and goal and attached != [source] and attached != [goal]:
        raise InvalidParameterException(
            f"The parameter RemoveFromVersionId can't be empty or another version. Staging label {stage} is "
            f"currently attached to version {attached[0]}."
        )
    if stage == "AWSCURRENT" and source and not goal:
        raise InvalidParameterException("AWSCURRENT can be moved and not removed.")


def delete_secret(response):
    secret = secret_of(response)
    if secret.is_deleted():
        raise InvalidRequestException("You tried to delete a secret that's already scheduled for deletion.")


def batch_get_secret_value(response):
    names = response._get_param("SecretIdList") or []
    if len(names) > BATCH:
        raise refused("secretIdList", names, f"Member must have length less than or equal to {BATCH}")


def tag_resource(response):
    secret = alive(response)
    check_tags((secret.tags or []) + response._get_param("Tags"))


RULES = {
    rule.__name__: rule
    for rule in [
        create_secret,
        put_secret_value,
        update_secret,
        update_secret_version_stage,
        delete_secret,
        batch_get_secret_value,
        tag_resource,
    ]
}


def guarded(name, original):
    @functools.wraps(original)
    def action(response):
        if name in QUOTAS and not os.environ.get("WITHOUT_QUOTAS"):
            family, rate = QUOTAS[name]
            if not quotas.take((response.current_account, response.region, family), rate):
                raise ThrottlingException()
        if name in RULES:
            RULES[name](response)
        return original(response)

    return action


def moved(original):
    @functools.wraps(original)
    def update_secret_version_stage(self, secret_id, version_stage, remove_from_version_id, move_to_version_id):
        answer = original(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
        if version_stage == "AWSCURRENT" and move_to_version_id:
            self.secrets[secret_id].set_default_version_id(move_to_version_id)
        return answer

    return update_secret_version_stage


def batched(original):
    @functools.wraps(original)
    def batch_get_secret_value(self, secret_id_list=None, filters=None, max_results=None, next_token=None):
        without_value = []
        for name in secret_id_list or []:
            try:
                self.get_secret_value(name, "", "")
            except ResourceNotFoundException as error:
                without_value.append({"SecretId": name, "ErrorCode": error.error_type, "Message": error.message})
            except SecretsManagerClientError:
                pass
        gone = [error["SecretId"] for error in without_value]
        names = [name for name in secret_id_list or [] if name not in gone]
        if secret_id_list and not names:
            return [], without_value, None
        values, errors, token = original(self, names, filters, max_results, next_token)
        return values, errors + without_value, token

    return batch_get_secret_value


def install():
    """Puts the rules before every action that has one."""
    for name in {*QUOTAS, *RULES}:
        setattr(SecretsManagerResponse, name, guarded(name, getattr(SecretsManagerResponse, name)))
    backend = SecretsManagerBackend
    backend.update_secret_version_stage = moved(backend.update_secret_version_stage)
    backend.batch_get_secret_value = batched(backend.batch_get_secret_value)
