"""What learners use: `tutorial demo`, `start`, `check`, `hint`, `diff`, `status` and `doctor`."""
