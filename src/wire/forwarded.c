#include "wire/forwarded.h"

#include "base/ip.h"
#include "wire/headers.h"

static void
skip_blanks(struct span *s)
{
	while (s->n && (s->p[0] == ' ' || s->p[0] == '\t'))
		*s = span_from(*s, 1);
}

/* Take a token off. */
static bool
take_token(struct span *s)
{
	size_t n = 0;

	while (n < s->n && http_token_ok(span_of(s->p + n, 1)))
		n++;
	*s = span_from(*s, n);
	return n > 0;
}

/* Take a quoted string off, its first quote included (RFC 9110 section 5.6.4). */
static bool
take_quoted(struct span *s)
{
	for (size_t i = 1; i < s->n; i++) {
		if (s->p[i] == '\\') {
			i++;
		} else if (s->p[i] == '"') {
			*s = span_from(*s, i + 1);
			return true;
		}
	}
	return false;
}

/* Take name=value off: no white space around the sign (RFC 7239 section 4). */
static bool
take_pair(struct span *s)
{
	if (!take_token(s) || !s->n || s->p[0] != '=')
		return false;
	*s = span_from(*s, 1);
	return s->n && s->p[0] == '"' ? take_quoted(s) : take_token(s);
}

bool
forwarded_ok(struct span s)
{
	bool any = false;

	if (!http_value_ok(s))
		return false;
	while (skip_blanks(&s), s.n) {
		/* Lists may have empty elements (RFC 9110 section 5.6.1), elements empty pairs. */
		if (s.p[0] == ',' || s.p[0] == ';') {
			s = span_from(s, 1);
			continue;
		}
		if (!take_pair(&s))
			return false;
		any = true;
		skip_blanks(&s);
		if (s.n && s.p[0] != ',' && s.p[0] != ';')
			return false;
	}
	return any;
}

/* section 6: an IPv6 address stands in brackets, and those in quotes. */
static void
write_node(struct buf *out, struct span peer)
{
	uint8_t ip[16];

	if (!ip_parse(peer, ip)) {
		buf_add_str(out, "unknown");
		return;
	}
	if (!memchr(peer.p, ':', peer.n)) {
		buf_add(out, peer);
		return;
	}
	buf_add_str(out, "\"[");
	buf_add(out, peer);
	buf_add_str(out, "]\"");
}

static void
write_value(struct buf *out, struct span v)
{
	if (http_token_ok(v)) {
		buf_add(out, v);
		return;
	}
	buf_add_str(out, "\"");
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_add_str(out, "\\");
		buf_add(out, span_of(v.p + i, 1));
	}
	buf_add_str(out, "\"");
}

void
forwarded_write(struct buf *out, struct span peer, struct span host, const char *proto)
{
	buf_add_str(out, "for=");
	write_node(out, peer);
	if (host.n) {
		buf_add_str(out, ";host=");
		write_value(out, host);
	}
	buf_add_str(out, ";proto=");
	buf_add_str(out, proto);
}
