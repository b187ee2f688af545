#include "net/fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include <arpa/inet.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ip.h"

#define FETCH_TIMEOUT_MS 30000u
#define FETCH_MAX        (1024u * 1024)
/* Redirects and API answers have some tens of fields. */
#define FETCH_HEAD_MAX (64u * 1024)

struct fetcher {
	struct net_item item; /* first: shut finds the fetcher by it */
	struct net_loop *loop;
	CURLM *multi;
	char *ca_file;
	struct net_timer timer; /* curl's */
	struct net_defer over; /* freed here, out of curl's callbacks */
	struct fetch *running;
	size_t polls; /* descriptors that are watched or being closed */
	bool closing;
};

struct fetch {
	struct fetcher *f;
	struct fetch *next, *prev;
	CURL *easy;
	struct curl_slist *headers;
	struct buf sent, got, head;
	void (*done)(const struct fetch_result *r, const struct err *e, void *ctx);
	void *ctx;
	bool too_big, barred; /* barred: it leads to an address that is not public */
	char error[CURL_ERROR_SIZE];
};

/* A descriptor of curl's that the loop watches. */
struct watch {
	uv_poll_t h;
	struct fetcher *f;
	curl_socket_t fd;
};

static void
fetch_free(struct fetch *x)
{
	if (x->prev)
		x->prev->next = x->next;
	else if (x->f->running == x)
		x->f->running = x->next;
	if (x->next)
		x->next->prev = x->prev;
	curl_easy_cleanup(x->easy);
	curl_slist_free_all(x->headers);
	buf_fini(&x->sent);
	buf_fini(&x->got);
	buf_fini(&x->head);
	free(x);
}

static enum reason
reason_of(const struct fetch *x, CURLcode rc)
{
	if (x->too_big)
		return REASON_FETCH_TOO_BIG;
	if (x->barred)
		return REASON_FETCH_PRIVATE;
	return rc == CURLE_OPERATION_TIMEDOUT ? REASON_FETCH_TIMEOUT : REASON_FETCH_FAILED;
}

static void
finish(struct fetch *x, CURLcode rc)
{
	struct fetch_result r = {.fields = x};
	struct err e = {0};
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_multi_remove_handle(x->f->multi, x->easy);
	if (rc == CURLE_OK) {
		r.status = (int)status;
		r.body = buf_span(&x->got);
		x->done(&r, NULL, x->ctx);
	} else {
		err_set(&e,
		    x->too_big  ? ERR_LIMIT
		    : x->barred ? ERR_POLICY
				: ERR_IO,
		    reason_of(x, rc), "%s", x->error[0] ? x->error : curl_easy_strerror(rc));
		x->done(&r, &e, x->ctx);
	}
	fetch_free(x);
}

/* Tell of what has ended. One at a time: a callback may cancel another. */
static void
reap(struct fetcher *f)
{
	CURLMsg *m;
	int left;

	while (!f->closing && (m = curl_multi_info_read(f->multi, &left))) {
		struct fetch *x = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
		finish(x, m->data.result);
	}
}

static void
on_clock(void *ctx)
{
	struct fetcher *f = ctx;
	int running;

	curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(f);
}

static int
on_curl_timer(CURLM *multi, long ms, void *ctx)
{
	struct fetcher *f = ctx;

	if (ms < 0 || f->closing)
		net_timer_stop(&f->timer);
	else
		net_timer_start(f->loop, &f->timer, (uint64_t)ms, on_clock, f);
	return 0;
}

static void
on_ready(uv_poll_t *h, int status, int events)
{
	struct watch *w = h->data;
	struct fetcher *f = w->f;
	int flags = 0, running;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(f->multi, w->fd, flags, &running);
	reap(f);
}

static void
on_watch_closed(uv_handle_t *h)
{
	struct watch *w = h->data;
	struct fetcher *f = w->f;

	free(w);
	f->polls--;
	if (f->closing && f->polls == 0 && !f->multi)
		free(f);
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *per_socket)
{
	struct fetcher *f = ctx;
	struct watch *w = per_socket;
	int events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (w) {
			curl_multi_assign(f->multi, fd, NULL);
			uv_close((uv_handle_t *)&w->h, on_watch_closed);
		}
		return 0;
	}
	if (!w) {
		w = calloc(1, sizeof *w);
		if (!w || uv_poll_init(net_loop_uv(f->loop), &w->h, fd) < 0) {
			free(w);
			return -1;
		}
		w->h.data = w;
		w->f = f;
		w->fd = fd;
		f->polls++;
		curl_multi_assign(f->multi, fd, w);
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= UV_READABLE;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= UV_WRITABLE;
	uv_poll_start(&w->h, events, on_ready);
	return 0;
}

/* Second half of closing: nothing of curl's is on the stack any more. */
static void
on_over(void *ctx)
{
	struct fetcher *f = ctx;

	while (f->running) {
		curl_multi_remove_handle(f->multi, f->running->easy);
		fetch_free(f->running);
	}
	curl_multi_cleanup(f->multi);
	f->multi = NULL;
	net_timer_stop(&f->timer);
	free(f->ca_file);
	f->ca_file = NULL;
	if (f->polls == 0)
		free(f);
}

void
fetcher_close(struct fetcher *f)
{
	if (!f || f->closing)
		return;
	f->closing = true;
	net_loop_remove(&f->item);
	net_timer_stop(&f->timer);
	net_defer_call(f->loop, &f->over, on_over, f);
}

static void
shut_fetcher(struct net_item *self)
{
	fetcher_close((struct fetcher *)self);
}

struct fetcher *
fetcher_new(struct net_loop *l, const char *ca_file, struct err *e)
{
	struct fetcher *f = calloc(1, sizeof *f);

	/* Refers to itself: many calls are one set-up, and the process has one end. */
	if (!f || curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(f->multi = curl_multi_init())
	    || (ca_file && !(f->ca_file = strdup(ca_file)))) {
		if (f && f->multi)
			curl_multi_cleanup(f->multi);
		free(f);
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "libcurl");
		return NULL;
	}
	f->loop = l;
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, 8L);
	net_loop_add(l, &f->item, shut_fetcher);
	return f;
}

static bool
is_public(const struct sockaddr *sa)
{
	uint8_t ip[16] = {[10] = 0xff, [11] = 0xff};

	if (sa->sa_family == AF_INET6)
		memcpy(ip, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	else if (sa->sa_family == AF_INET)
		memcpy(ip + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	else
		return false;
	return ip_is_public(ip);
}

/* Before a byte goes out, and with the address itself: what a name resolves to may change between
 * two looks. Other addresses of the name are tried; the fetch is barred once none is left. */
static curl_socket_t
open_public(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct fetch *x = ctx;

	if (is_public(&a->addr))
		return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	x->barred = true;
	return CURL_SOCKET_BAD;
}

/* A connection that another fetch opened, without that rule, opens no socket. */
static int
check_connection(void *ctx, char *there, char *here, int there_port, int here_port)
{
	struct fetch *x = ctx;
	uint8_t ip[16];

	if (ip_parse(span_str(there), ip) && ip_is_public(ip))
		return CURL_PREREQFUNC_OK;
	x->barred = true;
	return CURL_PREREQFUNC_ABORT;
}

static bool
keep_public(struct fetch *x)
{
	curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_PREREQDATA, x);
	return curl_easy_setopt(x->easy, CURLOPT_OPENSOCKETFUNCTION, open_public) == CURLE_OK
	       && curl_easy_setopt(x->easy, CURLOPT_PREREQFUNCTION, check_connection) == CURLE_OK;
}

static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct fetch *x = ctx;

	buf_add(&x->got, span_of(p, size * n));
	x->too_big = x->too_big || !buf_ok(&x->got);
	return x->too_big ? 0 : size * n;
}

static size_t
on_head_line(char *p, size_t size, size_t n, void *ctx)
{
	struct fetch *x = ctx;

	/* A new status line: what came before were the fields of a 1xx answer. */
	if (span_starts(span_of(p, size * n), "HTTP/"))
		buf_clear(&x->head);
	buf_add(&x->head, span_of(p, size * n));
	x->too_big = x->too_big || !buf_ok(&x->head);
	return x->too_big ? 0 : size * n;
}

struct span
fetch_header(const struct fetch_result *r, const char *name)
{
	const struct fetch *x = r->fields;
	struct span head = x ? buf_span(&x->head) : span_of(NULL, 0);
	size_t n = strlen(name), at = 0;

	while (at < head.n) {
		struct span line = span_from(head, at);
		const uint8_t *nl = memchr(line.p, '\n', line.n);
		struct span value;

		if (nl)
			line.n = (size_t)(nl - line.p) + 1;
		at += line.n;
		if (line.n <= n || line.p[n] != ':' || !span_iis(span_first(line, n), name))
			continue;
		value = span_from(line, n + 1);
		while (value.n > 0 && (value.p[0] == ' ' || value.p[0] == '\t'))
			value = span_from(value, 1);
		while (value.n > 0 && value.p[value.n - 1] <= ' ')
			value.n--;
		return value;
	}
	return span_of(NULL, 0);
}

static bool
add_headers(struct fetch *x, const struct fetch_request *q)
{
	for (size_t i = 0; i < q->n_headers; i++) {
		struct curl_slist *more;

		/* A line break in a value would be another field. */
		if (strpbrk(q->headers[i], "\r\n"))
			return false;
		more = curl_slist_append(x->headers, q->headers[i]);
		if (!more)
			return false;
		x->headers = more;
	}
	return true;
}

/* Everything that keeps a request to where it was meant to go. */
static bool
set_up(struct fetch *x, const struct fetch_request *q)
{
	uint64_t ms = q->timeout_ms ? q->timeout_ms : FETCH_TIMEOUT_MS;
	CURL *c = x->easy;
	bool ok = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_URL, q->url) == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
		  /* A name that is still being looked up is left to its thread: waiting for that
		   * would stop the loop. */
		  && curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK
		  && (!x->f->ca_file
		      || (curl_easy_setopt(c, CURLOPT_CAINFO, x->f->ca_file) == CURLE_OK
			  && curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK))
		  && curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)ms) == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(ms / 3 + 1)) == CURLE_OK
		  && curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK
		  && (!q->public_only || keep_public(x));

	/* Cannot fail: pointers that are kept as given. */
	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->error);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_head_line);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	if (x->sent.n > 0 || (q->method && strcmp(q->method, "POST") == 0)) {
		ok = ok && curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK;
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->sent.n);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, buf_cstr(&x->sent));
	}
	if (q->method && strcmp(q->method, "GET") != 0)
		ok = ok && curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK;
	return ok;
}

struct fetch *
fetch_start(struct fetcher *f, const struct fetch_request *q,
    void (*done)(const struct fetch_result *r, const struct err *e, void *ctx), void *ctx,
    struct err *e)
{
	struct fetch *x = calloc(1, sizeof *x);

	if (!x) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "fetch");
		return NULL;
	}
	x->f = f;
	x->done = done;
	x->ctx = ctx;
	buf_init(&x->sent, q->body.n + 1);
	buf_init(&x->got, q->max_body ? q->max_body : FETCH_MAX);
	buf_init(&x->head, FETCH_HEAD_MAX);
	x->next = f->running;
	if (x->next)
		x->next->prev = x;
	f->running = x;
	buf_add(&x->sent, q->body);
	x->easy = curl_easy_init();
	if (!f->closing && x->easy && add_headers(x, q) && set_up(x, q) && buf_ok(&x->sent)
	    && curl_multi_add_handle(f->multi, x->easy) == CURLM_OK)
		return x;
	fetch_free(x);
	err_set(e, ERR_USAGE, REASON_FETCH_FAILED, "the request was not taken");
	return NULL;
}

void
fetch_cancel(struct fetch *x)
{
	curl_multi_remove_handle(x->f->multi, x->easy);
	fetch_free(x);
}
