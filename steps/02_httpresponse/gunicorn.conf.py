"""gunicorn's settings: `gunicorn` alone, in this folder, reads them."""

wsgi_app = "config.wsgi"
bind = "127.0.0.1:8000"
workers = 2
control_socket_disable = True  # nobody steers this server from outside
