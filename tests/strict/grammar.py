"""A second reader of HTTP/1.1, to hold beside src/wire: written apart from it, over whole messages and by
regular expressions, and as strict. What both read alike, no neighbour can be made to read otherwise."""
import dataclasses
import ipaddress
import re

HEAD_MAX, FIELDS_MAX, OVERHEAD_MAX = 32 * 1024, 128, 32 * 1024
TCHAR = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
TOKEN = TCHAR + rb"+"
TEXT = rb"[\t\x20-\x7e\x80-\xff]"
REQUEST_LINE = re.compile(rb"(" + TCHAR + rb"{1,32}) ([\x21-\x7e]+) HTTP/1\.([01])")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: " + TEXT + rb"*)?")
FIELD = re.compile(rb"(" + TOKEN + rb"):(" + TEXT + rb"*)")
ABSOLUTE = re.compile(rb"https?://([^/?]*)(/.*)?", re.I)
PATH = re.compile(rb"/(?:[^?#%]|%[0-9A-Fa-f]{2})*(?:\?[^#]*)?")
LABEL = rb"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"
NAME = re.compile(rb"(?:" + LABEL + rb"\.)*(" + LABEL + rb")")
QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\' + TEXT + rb')*"'
EXTENSION = rb"(?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + QUOTED + rb"))?)*"
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(" + EXTENSION + rb")\r\n")


# What must not travel behind a body, by the kinds of RFC 9110 section 6.5.1: (framing is refused, see read_chunked)
NO_TRAILERS = set(b"""
    host via
    authorization proxy-authorization proxy-authenticate proxy-authentication-info www-authenticate cookie set-cookie
    cache-control expect max-forwards pragma range te if-match if-none-match if-modified-since if-unmodified-since if-range
    age date expires location retry-after vary warning allow
    content-encoding content-type content-range content-disposition trailer
    connection keep-alive proxy-connection upgrade http2-settings
    forwarded x-real-ip x-request-id traceparent tracestate""".split())


class Bad(Exception):
    """Refused. head: in the head, else in the body."""

    def __init__(self, why, head=True):
        super().__init__(why)
        self.head = head


class More(Exception):
    """Right so far, and not whole."""


@dataclasses.dataclass
class Message:
    minor: int
    fields: list  # (name in lower case, value)
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    keep: bool = True
    method: bytes = b""
    target: bytes = b""
    host: bytes = b""
    status: int = 0
    cut: bool = False  # a response whose body did not come whole

    def get(self, name):
        return [v for n, v in self.fields if n == name]

    def may_follow(self):
        """The trailers that may go on from here."""
        plain = lambda n: n.replace(b"_", b"-")
        return [(n, v) for n, v in self.trailers if n not in NO_TRAILERS and plain(n) not in (b"forwarded", b"x-real-ip")
                and not self.has_in(b"connection", n)
                and not plain(n).startswith((b"x-ee-", b"x-forwarded-"))]

    def has_in(self, name, token):
        return any(token == item.strip(b" \t").lower() for v in self.get(name) for item in v.split(b","))


def host_ok(text):
    m = re.fullmatch(rb"\[([^\[\]]*)\](?::(.*))?", text, re.S)
    if m:
        port = m[2]
        try:
            ipaddress.IPv6Address(m[1].decode("ascii"))
        except ValueError:
            return False
        if b"%" in m[1]:
            return False
    else:
        name, colon, port = text.partition(b":")
        port = port if colon else None
        name = name[:-1] if len(name) > 1 and name.endswith(b".") else name
        if not name or len(name) > 253:
            return False
        try:
            ipaddress.IPv4Address(name.decode("latin-1"))
        except ValueError:
            m = NAME.fullmatch(name)
            if not m or m[1].isdigit() or re.match(rb"0x", m[1], re.I):
                return False
    return port is None or bool(re.fullmatch(rb"[0-9]{1,5}", port)) and 0 < int(port) < 65536


def path_ok(target):
    """Origin-form whose path has whole escapes, no NUL, and does not climb above the root, whether one decodes
    %2F before he splits it or behind that."""
    if not PATH.fullmatch(target):
        return False
    path = target.partition(b"?")[0]
    decode = lambda s: re.sub(rb"%(..)", lambda m: bytes([int(m[1], 16)]), s)
    for parts in (decode(path).split(b"/"), [decode(p) for p in path.split(b"/")]):
        depth = 0
        for part in parts:
            depth += -1 if part == b".." else part not in (b"", b".")
            if depth < 0:
                return False
    return b"%00" not in path


def fields_of(lines):
    out = []
    for line in lines:
        m = FIELD.fullmatch(line)
        if not m:
            raise Bad(f"field line {line[:60]!r}")
        out.append((m[1].lower(), m[2].strip(b" \t")))
    return out


def unfinished(text):
    """More is to come behind text, unless a byte is wrong already."""
    text = text[:-1] if text.endswith(b"\r") else text
    if re.search(rb"[^\t\x20-\x7e\x80-\xff]", text.replace(b"\r\n", b"")):
        raise Bad("control byte")
    raise More


def split_head(data, at, blank_before):
    """The head's lines, and where it ends."""
    start = at + 2 if blank_before and data.startswith(b"\r\n", at) else at
    end = data.find(b"\r\n\r\n", start)
    if data.startswith(b"\r\n", start):
        raise Bad("empty start line")
    if (end + 4 if end >= 0 else len(data)) - start > HEAD_MAX:
        raise Bad("head too large")
    if end < 0:
        unfinished(data[start:])
    lines = data[start:end].split(b"\r\n")
    if len(lines) - 1 > FIELDS_MAX:
        raise Bad("too many fields")
    return lines, end + 4


def framing_of(m):
    """None, ("length", n) or ("chunked",)."""
    lengths, codings = m.get(b"content-length"), m.get(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Bad("framed twice")
    if codings:
        if m.minor == 0 or codings[0].lower() != b"chunked":
            raise Bad("transfer coding")
        return ("chunked",)
    if lengths:
        if not re.fullmatch(rb"[0-9]{1,18}", lengths[0]):
            raise Bad("content length")
        return ("length", int(lengths[0]))
    return None


def read_chunked(data, at, m):
    overhead = 0
    while True:
        c = CHUNK.match(data, at)
        if not c:
            if b"\r\n" in data[at:] or len(data) - at > OVERHEAD_MAX + 20:
                raise Bad("chunk", False)
            raise More
        at, n, overhead = c.end(), int(c[1], 16), overhead + len(c[2])
        if overhead > OVERHEAD_MAX:
            raise Bad("extensions", False)
        if n == 0:
            break
        m.body += data[at:at + n]
        if len(data) < at + n + 2:
            raise More if b"\r\n".startswith(data[at + n:]) else Bad("behind a chunk", False)
        if data[at + n:at + n + 2] != b"\r\n":
            raise Bad("behind a chunk", False)
        at += n + 2
    end = at if data.startswith(b"\r\n", at) else data.find(b"\r\n\r\n", at) + 2
    if (end if end >= at else len(data)) - at + overhead > OVERHEAD_MAX:
        raise Bad("trailers", False)
    try:
        if end < at:
            unfinished(data[at:])
        m.trailers = fields_of(data[at:end].split(b"\r\n")[:-1])
    except Bad as e:
        raise Bad(f"trailer: {e}", False) from None
    # RFC 9110 section 6.5.1: what frames has no place there.
    if {n for n, _ in m.trailers} & {b"content-length", b"transfer-encoding"} or len(m.may_follow()) > FIELDS_MAX:
        raise Bad("trailers", False)
    return end + 2


def keep_of(m):
    close, keep = m.has_in(b"connection", b"close"), m.has_in(b"connection", b"keep-alive")
    return not close and (m.minor == 1 or keep)


def judge_target(m):
    authority = None
    if m.method == b"CONNECT":
        if not host_ok(m.target):
            raise Bad("CONNECT's target")
        return None
    absolute = ABSOLUTE.fullmatch(m.target)
    if absolute:
        authority = absolute[1]
        # RFC 9112 section 3.2.4: of OPTIONS without a path, the server is meant.
        m.target = absolute[2] or (b"*" if m.method == b"OPTIONS" else b"/")
    if m.target == b"*" and m.method != b"OPTIONS" or m.target != b"*" and not path_ok(m.target):
        raise Bad("target")
    return authority


def read_request(data, at=0):
    """One request from data[at:]; gives it and where it ends. Raises Bad or More."""
    lines, at = split_head(data, at, True)
    start = REQUEST_LINE.fullmatch(lines[0])
    if not start:
        raise Bad(f"request line {lines[0][:60]!r}")
    m = Message(int(start[3]), fields_of(lines[1:]), method=start[1], target=start[2])
    authority = judge_target(m)
    hosts = m.get(b"host")
    if len(hosts) > 1 or not hosts and m.minor == 1:
        raise Bad("Host")
    m.host = hosts[0] if hosts else authority or b""
    if (hosts or authority is not None) and not host_ok(m.host):
        raise Bad("Host")
    if authority is not None and authority.lower() != m.host.lower():
        raise Bad("Host and target differ")
    framing = framing_of(m)
    m.keep = keep_of(m)
    if framing == ("chunked",):
        at = read_chunked(data, at, m)
    elif framing:
        m.body = data[at:at + framing[1]]
        if len(m.body) < framing[1]:
            raise More
        at += framing[1]
    return m, at


def read_requests(data):
    """Everything on one connection: ([requests], "end" | "more" | "bad" | "closed", why)."""
    out, at = [], 0
    while at < len(data):
        try:
            m, at = read_request(data, at)
        except Bad as e:
            return out, "bad", e
        except More:
            return out, "more", None
        out.append(m)
        if not m.keep:
            return out, "closed", None
    return out, "end", None


def read_response(data, at=0, to=b"GET", ended=True):
    """One response, which may be an interim one. ended: the connection's end is behind data."""
    lines, at = split_head(data, at, False)
    start = STATUS_LINE.fullmatch(lines[0])
    if not start:
        raise Bad(f"status line {lines[0][:60]!r}")
    m = Message(int(start[1]), fields_of(lines[1:]), status=int(start[2]))
    framing = framing_of(m)
    bodiless = m.status < 200 or m.status == 204
    if bodiless and framing and framing != ("length", 0):
        raise Bad("body announced where there is none")
    m.keep = keep_of(m)
    if bodiless or m.status == 304 or to == b"HEAD":
        return m, at
    try:
        if framing == ("chunked",):
            at = read_chunked(data, at, m)
        elif framing:
            m.body = data[at:at + framing[1]]
            if len(m.body) < framing[1]:
                raise More
            at += framing[1]
        elif not ended:
            raise More
        else:
            m.body, at, m.keep = data[at:], len(data), False
    except More:
        if not ended:
            raise
        m.cut = True
        at = len(data)
    return m, at
