#include "agent/budget.h"

#include <assert.h>

static struct budget_pot
pot_of(size_t max, size_t shares)
{
	struct budget_pot p = {.max = max, .promised = max / 2 / shares};

	p.common_max = max - p.promised * shares;
	return p;
}

/* How much of what a share holds is beyond its promise. */
static size_t
beyond(const struct budget_pot *p, size_t held)
{
	return held > p->promised ? held - p->promised : 0;
}

static bool
take(struct budget_pot *p, size_t *held, size_t n)
{
	size_t more;

	if (n > p->max - *held)
		return false;
	more = beyond(p, *held + n) - beyond(p, *held);
	if (more > p->common_max - p->common)
		return false;
	p->common += more;
	*held += n;
	return true;
}

static void
give(struct budget_pot *p, size_t *held, size_t n)
{
	assert(n <= *held);
	p->common -= beyond(p, *held) - beyond(p, *held - n);
	*held -= n;
}

void
budget_init(struct budget *b, size_t requests, size_t bytes, size_t shares)
{
	assert(shares > 0);
	b->requests = pot_of(requests, shares);
	b->bytes = pot_of(bytes, shares);
}

void
budget_join(struct budget *b, struct budget_share *s)
{
	*s = (struct budget_share){.budget = b};
}

bool
budget_take_request(struct budget_share *s)
{
	return take(&s->budget->requests, &s->requests, 1);
}

bool
budget_take_bytes(struct budget_share *s, size_t n)
{
	return take(&s->budget->bytes, &s->bytes, n);
}

void
budget_give_request(struct budget_share *s)
{
	give(&s->budget->requests, &s->requests, 1);
}

void
budget_give_bytes(struct budget_share *s, size_t n)
{
	give(&s->budget->bytes, &s->bytes, n);
}
