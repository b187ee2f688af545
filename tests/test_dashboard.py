"""The dashboard in a real browser."""
import shutil
import subprocess

import harness
from harness import HandAgent

CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--virtual-time-budget=3000"]


def browse(world, url, *flags):
    profile = world.dir / "profile"
    out = subprocess.run([CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *flags, url], capture_output=True, timeout=120)
    assert out.returncode == 0, out.stderr.decode()[-2000:]
    return out.stdout.decode()


def test_the_browser_shows_state_reason_and_trust_root(world):
    control = world.control()
    world.agent(control)
    control.wait_allowed()
    hand = HandAgent(world, control, app="sickapp", agent_id="hand-9")
    hand.admitted()
    hand.health("fail")
    harness.wait_for("a failed health", lambda: control.resolve("sickapp")[1].get("health_status") == "fail")
    page = browse(world, control.url + "/dashboard", "--dump-dom")
    assert "myapp" in page and "sickapp" in page and "Attested" in page
    assert page.index("sickapp") < page.index("myapp"), "trouble stands first"
    assert "UpToDate" in page and "<script" not in page
    picture = world.dir / "dashboard.png"
    browse(world, control.url + "/dashboard", f"--screenshot={picture}", "--window-size=1200,800")
    assert picture.stat().st_size > 5000
    hand.ws.close()
