/* Attacks on what admins may do, and with what is public as if it were a secret. */
#include "base/base64.h"
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

#include <stdio.h>

static const char *const routes[] = {"GET /v1/apps", "GET /v1/apps/ee-attack-nobody",
    "DELETE /v1/apps/ee-attack-nobody", "POST /v1/apps/ee-attack-nobody/attest",
    "POST /v1/apps/ee-attack-nobody/ban", "DELETE /v1/apps/ee-attack-nobody/ban", "GET /v1/audit",
    "GET /v1/events", "POST /v1/backup", "GET /dashboard"};
#define ROUTES (sizeof routes / sizeof *routes)

/* What a page of another site makes a browser send; without it a program on the control plane's own
 * machine is an admin where no token is set. */
#define FOREIGN "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n"

/* Ask one route. True when it was refused for want of a right. */
static bool
is_forbidden(struct kit *k, const char *route, const char *query, const char *fields, int *status)
{
	struct conn_answer a;
	struct conn *c;
	struct buf text;
	char host[URL_ORIGIN_MAX];

	kit_case(k);
	url_authority(&k->target, host);
	buf_init(&text, 256u * 1024);
	buf_printf(&text, "%s%s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n", route, query, host);
	buf_add_str(&text, fields);
	buf_add_str(&text, "\r\n");
	c = conn_ask(k, &k->target, buf_span(&text), &a);
	buf_fini(&text);
	*status = a.status;
	if (!c)
		return false;
	conn_close(c);
	if (a.status == 401 || a.status == 403)
		return true;
	/* a head that is too large is refused before anybody asks who sent it */
	if (a.status == 431 || a.status == 400)
		return true;
	if (a.status == 0)
		return kit_cannot(k, "%s: no answer", route);
	return kit_broken(k, "%s%s with %.60s: %d", route, query, fields, a.status);
}

static bool
all_forbidden(struct kit *k, const char *query, const char *fields, int *status)
{
	for (size_t i = 0; i < ROUTES; i++)
		if (!is_forbidden(k, routes[i], query, fields, status)
		    && k->result != RESULT_BROKEN)
			return false;
	return k->result != RESULT_BROKEN;
}

static void
without_token(struct kit *k)
{
	static const char *const fields[] = {FOREIGN, FOREIGN "Authorization: Bearer\r\n",
	    FOREIGN "Authorization: Bearer \r\n", FOREIGN "Authorization: Bearer null\r\n",
	    FOREIGN "Authorization: Bearer wrong\r\n",
	    FOREIGN "Authorization: Basic YWRtaW46YWRtaW4=\r\n",
	    FOREIGN "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
	    FOREIGN "Cookie: token=admin\r\n", FOREIGN "X-EE-Admin-Token: admin\r\n",
	    "X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=127.0.0.1\r\n", "Via: 1.1 evil\r\n"};
	int status = 0;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (!all_forbidden(k, "", fields[i], &status) && k->result != RESULT_BROKEN)
			return;
	(void)kit_held(k, "%zu routes, %zu ways each; the last answer is %d", ROUTES,
	    sizeof fields / sizeof *fields, status);
}

/* The right token, in places where logs, caches and referrers see it. */
static void
token_in_query(struct kit *k)
{
	const char *t = k->o->admin_token ? k->o->admin_token : "guess";
	static const char *const names[] = {
	    "token", "access_token", "authorization", "x-authorization"};
	char query[300], field[300];
	int status = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(query, sizeof query, "?%s=%.200s", names[i], t);
		if (!all_forbidden(k, query, FOREIGN, &status) && k->result != RESULT_BROKEN)
			return;
	}
	(void)snprintf(
	    field, sizeof field, FOREIGN "Cookie: token=%.100s; session=%.100s\r\n", t, t);
	if (all_forbidden(k, "", field, &status))
		(void)kit_held(k,
		    "%s token is taken from neither query nor cookie; the last answer is %d",
		    k->o->admin_token ? "the right" : "no", status);
}

/* Parts of the right token. */
static void
token_parts(struct kit *k)
{
	const char *t = k->o->admin_token;
	size_t n = t ? strlen(t) : 0;
	char field[600];
	int status = 0;

	if (n < 2) {
		(void)kit_cannot(k, "--admin-token-file gives no token to take parts of");
		return;
	}
	(void)snprintf(
	    field, sizeof field, FOREIGN "Authorization: Bearer %.*s\r\n", (int)(n - 1), t);
	if (!all_forbidden(k, "", field, &status) && k->result != RESULT_BROKEN)
		return;
	(void)snprintf(field, sizeof field, FOREIGN "Authorization: Bearer %.200sx\r\n", t);
	if (!all_forbidden(k, "", field, &status) && k->result != RESULT_BROKEN)
		return;
	(void)snprintf(field, sizeof field, FOREIGN "Authorization: Bearer %s\r\n", t + 1);
	if (all_forbidden(k, "", field, &status))
		(void)kit_held(
		    k, "the token less a byte, with one more and without its first: %d", status);
}

/* Evidence is public, so it opens nothing. */
static void
evidence_as_token(struct kit *k)
{
	struct hand *h = hand_serve(k, "a", 1);
	struct buf b64, field;
	int status = 0;
	bool ok = h != NULL;

	buf_init(&b64, 256u * 1024);
	buf_init(&field, 256u * 1024);
	if (ok)
		base64_encode(buf_span(&h->quote), &b64);
	for (int i = 0; ok && i < 3; i++) {
		buf_clear(&field);
		buf_add_str(&field, FOREIGN "Authorization: Bearer ");
		buf_add(&field, i == 0   ? span_str(h->nonce)
				: i == 1 ? span_str(h->id.agent_id)
					 : buf_span(&b64));
		buf_add_str(&field, "\r\n");
		ok = all_forbidden(k, "", buf_cstr(&field), &status);
	}
	if (ok)
		(void)kit_held(
		    k, "nonce, agent and quote open nothing; the last answer is %d", status);
	buf_fini(&b64);
	buf_fini(&field);
}

const struct scenario scenario_admins[] = {
    {"admin-without-token", "0.19",
	"use every admin route with no token, a wrong one, or forged origins", without_token},
    {"admin-token-in-query", "14", "show the token where logs and other sites see it",
	token_in_query},
    {"admin-token-parts", "14", "show parts of the token, and more than it", token_parts},
    {"evidence-as-token", "15", "show what is public about an attestation as a credential",
	evidence_as_token},
    {NULL, NULL, NULL, NULL}};
