"""Stop cleanly."""

import signal
import threading
import traceback
from contextlib import contextmanager


@contextmanager
def sigterm_as_ctrl_c():
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP too, as Ctrl-C does.

    So `finally` blocks run and temporary files are removed. Python allows this in the
    main thread only. Elsewhere nothing changes.
    """
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []
    # nohup ignores SIGHUP, and it stays ignored.
    handled = [each for each in signals if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, signal.default_int_handler) for each in handled}
    try:
        yield
    except KeyboardInterrupt as error:
        # Close the query now. The traceback would keep it open until Django has closed the connection.
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
