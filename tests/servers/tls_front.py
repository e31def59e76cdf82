"""TLS with an authority of its own before an HTTP server, and a proxy that is the only way to it.

usage: tls_front.py PORT HOST CA-FILE LOG

HOST resolves nowhere; the proxy knows where it is, and writes each `CONNECT` to LOG. Prints "ready"
and the port of the proxy; ends when its standard input closes.
"""

import datetime
import pathlib
import socket
import ssl
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

upstream, host, ca_file, log = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])


def certificate(name, key, issuer, issuer_key, is_authority):
    today = datetime.datetime.now(datetime.timezone.utc)
    named = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(hours=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def pump(source, target):
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def join(one, other):
    threading.Thread(target=pump, args=(one, other), daemon=True).start()
    pump(other, one)


def serve(handle):
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=guarded, args=(handle, client), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def guarded(handle, client):
    try:
        handle(client)
    except OSError:
        client.close()


def front(client):
    join(context.wrap_socket(client, server_side=True), socket.create_connection(("127.0.0.1", upstream)))


def proxy(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = client.recv(1)
        if not part:
            return
        head += part
    first = head.split(b"\r\n", 1)[0].decode()
    with log.open("a") as file:
        file.write(first + "\n")
    if first.startswith(f"CONNECT {host}:"):
        server = socket.create_connection(("127.0.0.1", front_port))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        join(client, server)
    client.close()


authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
authority = certificate("tests", authority_key, "tests", authority_key, True)
own = certificate(host, key, "tests", authority_key, False)
ca_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
with tempfile.NamedTemporaryFile() as file:
    file.write(own.public_bytes(serialization.Encoding.PEM))
    file.write(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    file.flush()
    context.load_cert_chain(file.name)
front_port = serve(front)
print("ready", serve(proxy), flush=True)
sys.stdin.read()
