"""gunicorn's settings: `gunicorn` alone, in this folder, reads them."""

wsgi_app = "config.wsgi"
bind = "127.0.0.1:8000"
workers = 2
# A sync worker that sends for longer than the timeout (30 s) is killed in mid-file.
# A gthread worker shows from a thread of its own that it is alive.
worker_class = "gthread"
threads = 4
control_socket_disable = True  # nobody steers this server from outside
