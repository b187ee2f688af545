#include "wire/cookie.h"

static struct span
trim(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_from(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The name in a Host value: no port, no dot at the end. */
static struct span
name_of(struct span host)
{
	host = host.n && host.p[0] == '[' ? span_first(host, span_find(host, "]") + 1)
					  : span_first(host, span_find(host, ":"));
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	return host;
}

bool
cookie_stays(struct span set_cookie, struct span host)
{
	struct span rest = span_from(set_cookie, span_find(set_cookie, ";"));

	host = name_of(host);
	while (rest.n) {
		struct span one, value;
		size_t equals;

		rest = span_from(rest, 1);
		one = span_first(rest, span_find(rest, ";"));
		rest = span_from(rest, one.n);
		equals = span_find(one, "=");
		if (!span_iis(trim(span_first(one, equals)), "domain"))
			continue;
		value = trim(span_from(one, equals + 1));
		if (value.n && value.p[0] == '.')
			value = span_from(value, 1);
		if (value.n && !span_ieq(value, host))
			return false;
	}
	return true;
}
