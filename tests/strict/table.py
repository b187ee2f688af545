"""The tables of this folder, read: what must become of each request and each response."""
import dataclasses
import functools
import pathlib
import re
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
HOST = "Host: myapp.x\r\n"
REPEAT = re.compile(r"\{H\}|\{([^{}]*)\*(\d+)\}")
REQUEST_VERDICTS = {"accept", "deny", "reject", "either", "wait"}
RESPONSE_VERDICTS = {"pass", "refuse", "cut"}


@dataclasses.dataclass(frozen=True)
class Case:
    group: str
    id: str
    verdicts: tuple
    section: str
    text: str  # as it stands in the table
    more: dict

    @functools.cached_property
    def pieces(self):
        """[(bytes, how often)]: short even where the whole is long."""
        out, at = [], 0
        for m in REPEAT.finditer(self.text):
            out.append((self.text[at:m.start()], 1))
            out.append((m[1], int(m[2])) if m[2] else (HOST, 1))
            at = m.end()
        out.append((self.text[at:], 1))
        return [(t.encode("latin-1"), n) for t, n in out if t]

    @functools.cached_property
    def raw(self):
        return b"".join(t * n for t, n in self.pieces)

    @property
    def rfc(self):
        return self.section if " " in self.section else f"9112 {self.section}"

    def at_door(self, door):
        """The verdicts there, which may differ from those of the raw proxy listener."""
        other = self.more.get("door", {}).get(door)
        return tuple(other.split("+")) if other else self.verdicts


def load(name, verdicts):
    out = []
    with open(HERE / name, "rb") as f:
        groups = tomllib.load(f)
    for group, rows in groups.items():
        for row in rows:
            more = row[4] if len(row) > 4 else {}
            case = Case(group, row[0], tuple(row[1].split("+")), row[2], row[3], more)
            assert set(case.verdicts) <= verdicts and case.id.startswith(group), case.id
            out.append(case)
    assert len({c.id for c in out}) == len(out)
    return out


@functools.cache
def requests():
    return load("requests.toml", REQUEST_VERDICTS)


@functools.cache
def responses():
    return load("responses.toml", RESPONSE_VERDICTS)
