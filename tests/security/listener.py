"""A server on loopback that answers everything alike and remembers what it was sent."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading


@contextlib.contextmanager
def listener(*, status=200, headers=(), certificate=None, body=b"{}"):
    """Yield the server's URL, and the list of (request line, headers) that it gets.

    *headers* are sent with each answer; a function is told which one it is.
    """
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            seen.append((self.requestline, dict(self.headers)))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in headers(len(seen)) if callable(headers) else headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_CONNECT = answer  # noqa: N815 - the names it calls

        def log_message(self, *_):
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain_path, certificate.key_path)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # a client that does not trust us goes away
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    scheme = "https" if certificate else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
