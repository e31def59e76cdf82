"""moto (KMS, STS, Secrets Manager and the rest of its AWS) for tests, on a free port of 127.0.0.1,
with the rules of `strict_secrets` before its Secrets Manager.

Its first KMS keys have fixed ids and fixed key material, because recorded files need them and moto
can neither import key material nor draw it from a seed. TEST ONLY: these keys are published.

Prints one ARN a line, then "ready PORT", and serves until its standard input closes; then it removes
its home directory DIR. So it ends with the process that started it, however that ends.

usage: python moto_fixed.py [DIR]
"""

import hashlib
import itertools
import logging
import shutil
import sys

import boto3
import moto.kms.models
import strict_secrets
from moto.server import ThreadedMotoServer

REGIONS = ["us-east-1", "us-east-1", "eu-west-1"]


def fixed(kind, number):
    return hashlib.sha256(f"{kind}:clsecrets-test-key-{number}".encode()).digest()


key_numbers, material_numbers = itertools.count(1), itertools.count(1)


def key_id(multi_region=False):
    h = fixed("id", next(key_numbers)).hex()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-8{h[17:20]}-{h[20:32]}"


def key_material():
    return fixed("material", next(material_numbers))


moto.kms.models.generate_key_id = key_id
moto.kms.models.generate_master_key = key_material
strict_secrets.install()

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()

for number, region in enumerate(REGIONS, 1):
    kms = boto3.client(
        "kms",
        region_name=region,
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    key = kms.create_key(Description=f"clsecrets-test-key-{number}")["KeyMetadata"]
    kms.create_alias(AliasName=f"alias/clsecrets-test-{number}", TargetKeyId=key["KeyId"])
    print(key["Arn"])
print("ready", port, flush=True)

sys.stdin.read()
for folder in sys.argv[1:]:
    shutil.rmtree(folder, ignore_errors=True)
