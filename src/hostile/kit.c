#include "hostile/kit.h"
#include "hostile/conn.h"
#include "hostile/hand.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool
kit_target(struct url *u, const char *name, const char *text, struct err *e)
{
	if (!url_parse_setting(u, name, span_str(text), e))
		return false;
	if ((u->scheme == URL_HTTP || u->scheme == URL_HTTPS) && span_is(u->target, "/"))
		return true;
	err_set(e, ERR_USAGE, REASON_BAD_SETTING, "%s", name);
	return err_show(e, "%s: want http://HOST[:PORT] or https://HOST[:PORT]", name);
}

bool
kit_init(struct kit *k, const struct kit_opts *o, struct env *env, struct err *e)
{
	memset(k, 0, sizeof *k);
	k->o = o;
	k->env = env;
	if (!kit_target(&k->target, "--target", o->target, e)
	    || (o->proxy && !kit_target(&k->proxy, "--proxy", o->proxy, e)))
		return false;
	url_origin(&k->target, k->audience);
	if (url_is_tls(&k->target) || (o->proxy && url_is_tls(&k->proxy))) {
		k->tls = tls_ctx_client(o->ca_file, e);
		if (!k->tls)
			return false;
	}
	k->loop = net_loop_new(e);
	return k->loop != NULL;
}

void
kit_fini(struct kit *k)
{
	if (k->loop) {
		hand_close_all(k);
		net_timer_stop(&k->timer);
		net_loop_free(k->loop);
	}
	conn_free_all(k);
	hand_free_all(k);
	tls_ctx_free(k->tls);
	if (k->has_sim)
		sim_fini(&k->sim);
	k->loop = NULL;
	k->tls = NULL;
	k->has_sim = false;
}

/* -- waiting -- */

static void
on_time(void *ctx)
{
	struct kit *k = ctx;

	k->waited_in_vain = true;
	net_loop_stop(k->loop);
}

void
kit_wake(struct kit *k)
{
	net_loop_stop(k->loop);
}

bool
kit_wait(struct kit *k, bool (*done)(void *ctx), void *ctx, uint64_t ms)
{
	k->waited_in_vain = false;
	net_timer_start(k->loop, &k->timer, ms, on_time, k);
	while (!done(ctx) && !k->waited_in_vain)
		net_loop_run(k->loop);
	net_timer_stop(&k->timer);
	return done(ctx);
}

static bool
never(void *ctx)
{
	(void)ctx;
	return false;
}

void
kit_pace(struct kit *k, uint64_t ms)
{
	(void)kit_wait(k, never, NULL, ms);
}

/* -- what came of it -- */

void
kit_case(struct kit *k)
{
	k->played++;
}

PRINTF(3, 0)
static void
say(struct kit *k, enum result r, const char *fmt, va_list ap)
{
	if (k->result == RESULT_BROKEN)
		return;
	k->result = r;
	(void)vsnprintf(k->evidence, sizeof k->evidence, fmt, ap);
}

bool
kit_held(struct kit *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(k, RESULT_HELD, fmt, ap);
	va_end(ap);
	return false;
}

bool
kit_broken(struct kit *k, const char *fmt, ...)
{
	va_list ap;

	k->through++;
	va_start(ap, fmt);
	say(k, RESULT_BROKEN, fmt, ap);
	va_end(ap);
	return false;
}

bool
kit_cannot(struct kit *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(k, RESULT_NOT_APPLICABLE, fmt, ap);
	va_end(ap);
	return false;
}
