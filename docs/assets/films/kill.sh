# The film of chapter 9: a worker is killed while an export is running, and another worker finishes the export.
set -e
say() { echo "$ $1"; sleep 0.7; }
run() { say "$1"; eval "$1"; sleep 1; }

cd steps/09_crash_recovery
python manage.py migrate -v0
python manage.py seed_books 400000 -v0
python manage.py shell -v0 -c "
from django.contrib.auth.models import User
from exports.models import Export
from exports.tasks import run_export
owner = User.objects.create_user('reader', 'reader@example.com')
run_export.enqueue(str(Export.objects.create(owner=owner).pk))
"
cat > state.py <<'END'
from exports.models import Export
print(Export.objects.values('state', 'token', 'rows_done').get())
END

run 'cat state.py'
run 'export EXPORT_LEASE=5  # seconds, in place of 60'
say 'python manage.py db_worker --backend=database -v0 & disown'
python manage.py db_worker --backend=database -v0 & disown
timeout 60 python -c "
import sqlite3
while not sqlite3.connect('db.sqlite3').execute('SELECT rows_done FROM exports_export').fetchone()[0]:
    pass
"
run 'python manage.py shell -v0 < state.py'
run "kill -9 $!"
run 'python manage.py shell -v0 < state.py'
run 'sleep 5  # until the lease is over'
run 'python manage.py reap_exports'
run 'python manage.py db_worker --backend=database --batch -v0'
run 'python manage.py shell -v0 < state.py'
python manage.py shell -v0 < state.py | grep -q "'done', 'token': 2" # the worker was killed before the export was done
