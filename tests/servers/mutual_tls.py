"""TLS that wants a client's certificate, before a server that speaks plain HTTP.

usage: mutual_tls.py PORT FOLDER

FOLDER has `server.pem`, `server.key` and `ca.pem`, the authority of server and clients. Prints
"ready" and the port; ends when its standard input closes.
"""

import pathlib
import socket
import ssl
import sys
import threading

upstream, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])


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


def serve(client):
    try:
        client = context.wrap_socket(client, server_side=True)
        server = socket.create_connection(("127.0.0.1", upstream))
    except OSError:
        client.close()
        return
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
    pump(client, server)


def accept():
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client,), daemon=True).start()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain(folder / "server.pem", folder / "server.key")
context.load_verify_locations(folder / "ca.pem")
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, daemon=True).start()
print("ready", listener.getsockname()[1], flush=True)
sys.stdin.read()
