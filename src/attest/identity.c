#include "attest/attest.h"

#include <stdlib.h>
#include <string.h>

static bool
is_alnum(uint8_t c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Letters, digits and what `more` lists; at least one byte, at most max. */
static bool
is_word(struct span s, const char *more, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr(more, s.p[i])))
			return false;
	return s.n > 0 && s.n <= max;
}

bool
attest_agent_id_ok(struct span id)
{
	return is_word(id, "._:-", ATTEST_AGENT_ID_MAX);
}

/* ^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$, the name not of dots alone: it goes into a URL. */
static bool
repo_ok(struct span s)
{
	const uint8_t *slash = s.n ? memchr(s.p, '/', s.n) : NULL;

	if (!slash)
		return false;
	size_t n = (size_t)(slash - s.p);
	struct span name = span_from(s, n + 1);
	size_t dots = 0;

	while (dots < name.n && name.p[dots] == '.')
		dots++;
	return is_word(span_first(s, n), "-", 39) && is_word(name, "._-", 100) && dots < name.n;
}

/* git-check-ref-format(1), for one ref below refs/tags/. */
static bool
tag_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i], next = i + 1 < s.n ? s.p[i + 1] : '/';

		if (c <= ' ' || c == 0x7f || strchr("~^:?*[\\", c))
			return false;
		if ((c == '.' && next == '.') || (c == '/' && (next == '/' || next == '.'))
		    || (c == '@' && next == '{'))
			return false;
		struct span rest = span_from(s, i);

		if (span_starts(rest, ".lock") && (rest.n == 5 || rest.p[5] == '/'))
			return false;
	}
	return s.n > 0 && s.n <= ATTEST_TAG_MAX && s.p[0] != '/' && s.p[0] != '.' && s.p[0] != '-'
	       && s.p[s.n - 1] != '.' && s.p[s.n - 1] != '/' && !span_is(s, "@");
}

/* A DNS label in lower case (RFC 1035 section 2.3.1, RFC 1123 section 2.1). */
static bool
label_ok(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return false;
	return is_word(s, "-", 63) && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

bool
attest_network_ok(struct span name)
{
	return label_ok(name);
}

bool
attest_identity_check(const struct attest_identity *id, struct err *e)
{
	const struct {
		const char *name, *value;
		bool (*ok)(struct span s);
	} members[] = {
	    {"repo", id->repo, repo_ok},
	    {"release_tag", id->release_tag, tag_ok},
	    {"app_name", id->app_name, label_ok},
	    {"network", id->network, label_ok},
	    {"agent_id", id->agent_id, attest_agent_id_ok},
	};

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		bool empty = members[i].value[0] == '\0';

		if (!empty && members[i].ok(span_str(members[i].value)))
			continue;
		err_set(e, ERR_MALFORMED, empty ? REASON_MISSING_FIELDS : REASON_INVALID_FIELD,
		    "%s", members[i].name);
		return err_show(
		    e, "%s %s", members[i].name, empty ? "is empty" : "breaks its grammar");
	}
	return true;
}

struct attest_identity *
attest_identity_copy(const struct attest_identity *id)
{
	const char *const from[] = {
	    id->repo, id->release_tag, id->app_name, id->network, id->agent_id};
	struct attest_identity *to;
	const char **at[5];
	size_t n = sizeof *to;
	char *text;

	for (size_t i = 0; i < 5; i++)
		n += strlen(from[i]) + 1;
	to = malloc(n);
	if (!to)
		return NULL;
	at[0] = &to->repo;
	at[1] = &to->release_tag;
	at[2] = &to->app_name;
	at[3] = &to->network;
	at[4] = &to->agent_id;
	text = (char *)(to + 1);
	for (size_t i = 0; i < 5; i++) {
		n = strlen(from[i]) + 1;
		*at[i] = memcpy(text, from[i], n);
		text += n;
	}
	return to;
}

bool
attest_identity_eq(const struct attest_identity *a, const struct attest_identity *b)
{
	return strcmp(a->repo, b->repo) == 0 && strcmp(a->release_tag, b->release_tag) == 0
	       && strcmp(a->app_name, b->app_name) == 0 && strcmp(a->network, b->network) == 0
	       && strcmp(a->agent_id, b->agent_id) == 0;
}
