"""Settings whose spawned processes do nothing, so that their exports stay as they are."""

from config.settings import *  # noqa: F403

(DATA_DIR / "nothing.py").parent.mkdir(parents=True, exist_ok=True)  # noqa: F405
(DATA_DIR / "nothing.py").write_text("")  # noqa: F405
TASKS["spawn"]["OPTIONS"]["MANAGE"] = DATA_DIR / "nothing.py"  # noqa: F405
