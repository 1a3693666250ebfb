"""gunicorn's settings. Run `gunicorn` in this folder, and it reads this file."""

wsgi_app = "config.wsgi"
bind = "127.0.0.1:8000"
workers = 2
control_socket_disable = True  # the socket lets other programs control gunicorn
