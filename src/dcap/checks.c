#include "dcap/checks.h"

#include "dcap/verdict.h"

static const struct {
	const char *name, *on, *what, *source;
} rows[CHECK_COUNT] = {
#define CHECK(id, name, on, what, source) {name, on, what, source},
#include "dcap/checks.def"
#undef CHECK
};

bool
checked(struct checks *c, enum check id, bool ok)
{
	c->result[id] = ok ? EEDCAP_PASSED : EEDCAP_FAILED;
	return ok;
}

void
check_tolerated(struct checks *c, enum check id)
{
	c->result[id] = EEDCAP_TOLERATED;
}

void
check_not_applicable(struct checks *c, enum check id)
{
	c->result[id] = EEDCAP_NOT_APPLICABLE;
}

void
checks_forget_failures(struct checks *c)
{
	for (size_t i = 0; i < CHECK_COUNT; i++)
		if (c->result[i] == EEDCAP_FAILED)
			c->result[i] = EEDCAP_NOT_REACHED;
}

void
checks_merge(struct checks *c, const struct checks *from)
{
	for (size_t i = 0; i < CHECK_COUNT; i++)
		if (from->result[i] != EEDCAP_NOT_REACHED)
			c->result[i] = from->result[i];
}

bool
eedcap_verdict_check_at(const struct eedcap_verdict *v, size_t i, struct eedcap_check *out)
{
	if (i >= CHECK_COUNT)
		return false;
	*out = (struct eedcap_check){rows[i].name, rows[i].on, rows[i].what, rows[i].source,
	    (enum eedcap_result)v->checks.result[i]};
	return true;
}
