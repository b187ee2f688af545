"""A control plane, an ee-proxy in front of it, and agents with backends behind it, for one module's tests."""
import contextlib

import harness
from strict import wire

QUIET = {"EE_LOG_LEVEL": "error"}


def is_open(port):
    try:
        wire.Visitor(port).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def world(where):
    """A world with VM vm1; whoever is still connected is hung up on before it ends."""
    w = harness.World(where)
    try:
        w.vm("vm1")
        w.publish(w.allowlist("vm1"))
        yield w
    finally:
        wire.hang_up()
        w.close()


def serve(w, backends, name="ee-control", agent=(), **env):
    """Start ee-control, and for each app an agent in front of its backend."""
    control = w.control(name=name, **QUIET, **env)
    for app, backend in backends.items():
        w.agent(control, name=f"{name}-{app}", app=app, backend=backend, **QUIET, **dict(agent))
    for app in backends:
        control.wait_allowed(app)
    return control


def proxy(w, control, **env):
    """Start an ee-proxy; gives its port."""
    port = harness.free_port()
    w.add(harness.Daemon(w.dir, "ee-proxy", env={
        "EE_CONTROL_URL": control.url, "EE_PROXY_BIND": "127.0.0.1", "EE_PROXY_PORT": str(port), **QUIET, **env})).start()
    harness.wait_for("ee-proxy", lambda: is_open(port))
    return port
