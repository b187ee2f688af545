#include "net/loop.h"

#include <signal.h>
#include <stdlib.h>

#include "net/loop_impl.h"

static void
on_prepare(uv_prepare_t *h)
{
	net_loop_run_deferred(h->data);
}

struct net_loop *
net_loop_new(struct err *e)
{
	struct net_loop *l = calloc(1, sizeof *l);
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	int rc;

	if (!l || !(l->scratch = malloc(NET_SCRATCH))) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "loop");
		free(l);
		return NULL;
	}
	rc = uv_loop_init(&l->uv);
	if (rc < 0) {
		net_err_uv(e, REASON_INTERNAL, "uv_loop_init", rc);
		free(l->scratch);
		free(l);
		return NULL;
	}
	/* A peer that is gone is an error of the write, not the end of the program. */
	sigaction(SIGPIPE, &ignore, NULL);
	l->defers.next = l->defers.prev = &l->defers;
	l->items.next = l->items.prev = &l->items;
	l->seq = 1;
	uv_timer_init(&l->uv, &l->clock);
	uv_prepare_init(&l->uv, &l->prepare);
	l->clock.data = l->prepare.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	uv_unref((uv_handle_t *)&l->prepare);
	return l;
}

void
net_loop_run(struct net_loop *l)
{
	l->stopped = false;
	do {
		uv_run(&l->uv, UV_RUN_DEFAULT);
		if (l->stopped)
			return;
		net_loop_run_deferred(l);
	} while (uv_loop_alive(&l->uv));
}

void
net_loop_stop(struct net_loop *l)
{
	l->stopped = true;
	uv_stop(&l->uv);
}

/* Shut every object; what they call back may shut or open others. */
static void
shut_items(struct net_loop *l)
{
	while (l->items.next != &l->items) {
		struct net_item *i = l->items.next;

		net_loop_remove(i);
		i->shut(i);
	}
}

void
net_loop_free(struct net_loop *l)
{
	if (!l)
		return;
	l->freeing = true;
	uv_close((uv_handle_t *)&l->clock, NULL);
	for (size_t i = 0; i < LOOP_SIGNALS; i++)
		if (l->signals[i].signo)
			uv_close((uv_handle_t *)&l->signals[i].h, NULL);
	do {
		shut_items(l);
		net_loop_run_deferred(l);
		uv_run(&l->uv, UV_RUN_ONCE);
		net_loop_run_deferred(l);
	} while (uv_loop_alive(&l->uv) || l->items.next != &l->items);
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	/* Timers live in their owners, who may still stop them. */
	while (l->timers)
		net_timer_stop(l->timers);
	uv_loop_close(&l->uv);
	free(l->scratch);
	free(l);
}

uint64_t
net_loop_now_ms(const struct net_loop *l)
{
	return uv_now(&l->uv);
}

static void
on_signal(uv_signal_t *h, int signo)
{
	struct loop_signal *s = h->data;

	s->cb(s->loop, signo, s->ctx);
}

bool
net_loop_on_signal(struct net_loop *l, int signo,
    void (*cb)(struct net_loop *l, int signo, void *ctx), void *ctx, struct err *e)
{
	struct loop_signal *s = NULL;
	int rc;

	for (size_t i = 0; i < LOOP_SIGNALS && (!s || s->signo != signo); i++)
		if (l->signals[i].signo == signo || (!s && l->signals[i].signo == 0))
			s = &l->signals[i];
	if (!s)
		return err_set(e, ERR_USAGE, REASON_INTERNAL, "no room for signal %d", signo);
	s->loop = l;
	s->cb = cb;
	s->ctx = ctx;
	if (s->signo == signo)
		return true;
	rc = uv_signal_init(&l->uv, &s->h);
	if (rc < 0)
		return net_err_uv(e, REASON_INTERNAL, "uv_signal_init", rc);
	s->signo = signo;
	s->h.data = s;
	rc = uv_signal_start(&s->h, on_signal, signo);
	if (rc < 0)
		return net_err_uv(e, REASON_INTERNAL, "uv_signal_start", rc);
	uv_unref((uv_handle_t *)&s->h);
	return true;
}

void
net_loop_add(struct net_loop *l, struct net_item *i, void (*shut)(struct net_item *self))
{
	*i = (struct net_item){&l->items, l->items.prev, shut};
	i->prev->next = i;
	l->items.prev = i;
}

void
net_loop_remove(struct net_item *i)
{
	if (!i->next)
		return;
	i->prev->next = i->next;
	i->next->prev = i->prev;
	i->next = i->prev = NULL;
}

struct uv_loop_s *
net_loop_uv(struct net_loop *l)
{
	return &l->uv;
}

uint8_t *
net_loop_scratch(struct net_loop *l)
{
	return l->scratch;
}

bool
net_err_uv(struct err *e, enum reason r, const char *what, int uv_error)
{
	return err_set(e, uv_error == UV_ENOMEM ? ERR_NOMEM : ERR_IO, r, "%s: %s", what,
	    uv_strerror(uv_error));
}
