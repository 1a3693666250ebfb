"""gunicorn's settings. Run `gunicorn` in this folder, and it reads this file."""

wsgi_app = "config.wsgi"
bind = "127.0.0.1:8000"
workers = 2
# gunicorn kills a sync worker that sends a response for longer than the timeout (30 s).
# A gthread worker sends its heartbeat from a separate thread.
worker_class = "gthread"
threads = 4
control_socket_disable = True  # the socket lets other programs control gunicorn
