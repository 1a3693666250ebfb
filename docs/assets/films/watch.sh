# The film of chapter 1: `tutorial check --watch` while a learner solves exercise 02a.
set -e
run() { echo "$ $1"; sleep 1; eval "$1"; }
until_progress_has() { timeout 60 bash -c "until grep -q '$1' .progress.json; do sleep 0.1; done"; sleep 2; }

# The learner has written everything, with one mistake.
tutorial start 02a > /dev/null
git apply --directory=learn/02a_limit exercises/02a_limit/solution.diff
sed -i '/add_error/,$ s/status=400/status=413/' learn/02a_limit/library/views.py
grep -q status=413 learn/02a_limit/library/views.py

echo '$ tutorial check 02a --watch &'
tutorial check 02a --watch &
until_progress_has '"goal": "[A-Z]'
run "sed -i 's/status=413/status=400/' learn/02a_limit/library/views.py"
until_progress_has '"goal": ""'
kill $!
wait $! || true
