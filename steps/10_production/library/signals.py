"""Stop cleanly."""

import signal
import threading
import traceback
from contextlib import ExitStack, contextmanager

SIGNALS = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}  # Windows has no SIGHUP


@contextmanager
def sigterm_as_ctrl_c():
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP too, as Ctrl-C does.

    So `finally` blocks run and temporary files are removed. Python allows this in the main thread only.
    """
    is_main_thread = threading.current_thread() is threading.main_thread()
    with ExitStack() as stack:
        for number in SIGNALS if is_main_thread else ():
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP, and it stays ignored
                before = signal.signal(number, signal.default_int_handler)
                stack.callback(signal.signal, number, before)
        try:
            yield
        except KeyboardInterrupt as error:
            # Close the query now. The traceback would keep it open until Django has closed the connection.
            traceback.clear_frames(error.__traceback__)
            raise
