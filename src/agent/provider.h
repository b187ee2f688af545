/* provider.h - where quotes come from: configfs-tsm in a real TD (tsm.h), or ee-sim (sim.h). A
 * provider makes one quote at a time; asking again before `done` is a mistake of the caller. It
 * never judges a quote, nor chooses what goes into it. */
#ifndef AGENT_PROVIDER_H
#define AGENT_PROVIDER_H

#include "base/err.h"
#include "base/span.h"
#include <stdint.h>

#define PROVIDER_REPORT_DATA 64

/* Called exactly once for each accepted ask, from the loop and never from inside the ask: the
 * quote, valid until the callback returns, with e NULL; or why there is none. */
struct provider_reply {
	void (*done)(struct span quote, const struct err *e, void *ctx);
	void *ctx;
};

/* The first member of each kind of provider. */
struct provider {
	bool (*ask)(struct provider *p, const uint8_t report_data[static PROVIDER_REPORT_DATA],
	    struct provider_reply reply, struct err *e);
	void (*close)(struct provider *p);
};

/* Ask for a quote that carries these 64 bytes. A refused ask gives no `done`. */
MUST_CHECK static inline bool
provider_ask(struct provider *p, const uint8_t report_data[static PROVIDER_REPORT_DATA],
    struct provider_reply reply, struct err *e)
{
	return p->ask(p, report_data, reply, e);
}

/* Free the provider; a pending ask is forgotten, its `done` never comes. Takes NULL. */
static inline void
provider_close(struct provider *p)
{
	if (p)
		p->close(p);
}

#endif
