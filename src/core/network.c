#include "core/network.h"

#include <string.h>

#include "core/quote_view.h"

static const struct network seed[] = {
    {.name = "forge-1", .sealed_only = true, .tcb_accept = TCB_BIT(TCB_UP_TO_DATE)},
    {.name = "sandbox-1", .sealed_only = false, .tcb_accept = TCB_BIT(TCB_UP_TO_DATE)},
};

void
networks_default(struct networks *out)
{
	memset(out, 0, sizeof *out);
	out->n = sizeof seed / sizeof *seed;
	memcpy(out->v, seed, sizeof seed);
}

const struct network *
networks_find(const struct networks *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	return NULL;
}

bool
networks_get(
    const struct networks *all, const char *name, const struct network **out, struct err *e)
{
	*out = networks_find(all, name);
	if (!*out)
		return err_set(
		    e, ERR_USAGE, REASON_INVALID_NETWORK, "network \"%.63s\" is not served", name);
	return true;
}
