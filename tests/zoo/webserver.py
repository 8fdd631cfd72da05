"""A web server on this machine that answers as a test wants it to."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Gives out files, or answers as a test wants it to."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                answer = outer.answers[min(len(outer.paths), len(outer.answers)) - 1]
                answer(self)

            do_CONNECT = do_GET  # what a proxy is asked for

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.running = True

    def stop(self) -> None:
        if self.running:
            self.running = False
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


def giving(body: bytes, announced: int | None = None, status: int = 200) -> Answer:
    """Answer with these bytes, announcing perhaps more than there are."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        length = len(body) if announced is None else announced
        request.send_header("Content-Length", str(length))
        request.end_headers()
        request.wfile.write(body)

    return answer
