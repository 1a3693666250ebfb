"""Mail servers that fail at a chosen moment, for the tests."""

import socket
import threading
from contextlib import contextmanager, suppress


def failing_smtp(command, reply):
    """Run a mail server that answers each command with success, except one.

    `command` is CONNECT, MAIL, RCPT, DATA, END (after the text of the email) or QUIT. `reply` is the answer to it. With
    None the server closes the connection, and with "" it says nothing. Yield its URL and the list of the emails.
    """
    return changing_smtp([command, reply])


@contextmanager
def changing_smtp(fault):
    """Do the same with a list of command and reply, which the test can change later."""
    emails = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with suppress(OSError):  # the server has been closed
                while True:
                    connection = server.accept()[0]
                    threading.Thread(target=serve, args=[connection, fault, emails], daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"smtp://127.0.0.1:{server.getsockname()[1]}", emails
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def serve(connection, fault, emails):
    with connection, connection.makefile("rwb", buffering=0) as stream, suppress(OSError):

        def answer(name, success):
            command, reply = fault
            if name != command:
                stream.write(success)
            elif reply is None:
                connection.shutdown(socket.SHUT_RDWR)
            elif reply:
                stream.write(f"{reply}\r\n".encode())
            else:
                stream.read()  # until the client gives up

        answer("CONNECT", b"220 ready\r\n")
        lines, in_text = [], False
        while line := stream.readline():
            if not in_text:
                name = line[:4].upper().decode()
                in_text = name == "DATA" and fault[0] != "DATA"
                answer(name, {"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(name, b"250 OK\r\n"))
            elif line == b".\r\n":
                in_text = False
                if fault[0] != "END" or fault[1] is None:  # the server has it, and dies before it can say so
                    emails.append(b"".join(lines))
                answer("END", b"250 OK\r\n")
            else:
                lines.append(line)
