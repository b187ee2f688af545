#include "wire/message.h"
#include "wire/url.h"

static bool
is_alnum(uint8_t c)
{
	c = ascii_lower(c);
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

static bool
all_of(struct span s, const char *more)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && !(s.p[i] && strchr(more, s.p[i])))
			return false;
	return true;
}

bool
msg_app_name_ok(struct span s)
{
	return url_label_ok(s);
}

bool
msg_network_ok(struct span s)
{
	return url_label_ok(s);
}

bool
msg_agent_id_ok(struct span s)
{
	return s.n > 0 && s.n < MSG_AGENT_ID_MAX && all_of(s, "._:-");
}

bool
msg_repo_ok(struct span s)
{
	const uint8_t *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
	struct span owner, name;

	if (!slash)
		return false;
	owner = span_first(s, (size_t)(slash - s.p));
	name = span_from(s, owner.n + 1);
	if (!owner.n || owner.n > 39 || !all_of(owner, "-"))
		return false;
	if (!name.n || name.n > 100 || !all_of(name, "._-"))
		return false;
	/* A name of dots only would climb in a URL's path. */
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '.')
			return true;
	return false;
}

/* One component of a ref name. */
static bool
component_ok(struct span s)
{
	if (!s.n || s.p[0] == '.')
		return false;
	return s.n < 5 || !span_is(span_from(s, s.n - 5), ".lock");
}

bool
msg_tag_ok(struct span s)
{
	size_t at = 0;

	if (!s.n || s.n >= MSG_TAG_MAX || s.p[0] == '-' || s.p[s.n - 1] == '.' || span_is(s, "@"))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : 0;

		if (c <= ' ' || c == 0x7f || strchr("~^:?*[\\", c))
			return false;
		if ((c == '.' && next == '.') || (c == '@' && next == '{'))
			return false;
		if (c == '/') {
			if (!component_ok(span_between(s, at, i)))
				return false;
			at = i + 1;
		}
	}
	return component_ok(span_from(s, at));
}
