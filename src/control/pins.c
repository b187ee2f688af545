#include "control/api.h"
#include "control/audit.h"
#include "control/tunnel_endpoint.h"

#include "base/hex.h"
#include "base/jcs.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX 4096

/* An admin's word that other bytes are right under a release's tag, on its way to the disk; who
 * asked may have left by then. */
struct acceptance {
	struct control *c;
	struct http_req *r;
	bool writing;
	char repo[ATTEST_REPO_MAX + 1], release_tag[ATTEST_TAG_MAX + 1];
	uint8_t sha256[ATTEST_DIGEST], was[ATTEST_DIGEST];
	struct pin_row row;
};

static void
asker_left(struct http_req *r, const struct err *why, void *ctx)
{
	struct acceptance *a = ctx;

	a->r = NULL;
	if (!a->writing)
		free(a);
}

static const struct http_req_ops ops = {.on_close = asker_left};

static void
refuse(struct acceptance *a, const struct err *e)
{
	struct http_req *r = a->r;

	http_req_set_ops(r, NULL, NULL);
	free(a);
	api_refuse(r, e, NULL, NULL);
}

static void
answer(struct acceptance *a)
{
	struct buf b;
	struct jw w;

	buf_init(&b, 4096);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_str(&w, "repo", a->row.repo);
	jw_str(&w, "release_tag", a->row.release_tag);
	jw_hex(&w, "sha256", span_of(a->sha256, sizeof a->sha256));
	jw_hex(&w, "was", span_of(a->was, sizeof a->was));
	jw_end_object(&w);
	api_answer(a->r, 200, "application/json", &b);
	buf_fini(&b);
}

/* Who was admitted under the old list proves itself again, by the new one, which GitHub may have given
 * a moment after the old one was fetched. */
static void
challenge_all(const struct acceptance *a)
{
	if (a->c->draining || memcmp(a->was, a->sha256, sizeof a->was) == 0)
		return;
	release_doubt(a->c->release, span_str(a->repo), span_str(a->release_tag));
	for (struct tunnel *t = a->c->tunnels; t; t = t->next) {
		const struct attest_identity *id = t->session.id;

		if (t->replica && span_iis(span_str(id->repo), a->repo)
		    && strcmp(id->release_tag, a->release_tag) == 0)
			tunnel_challenge(t, WHY_POLICY);
	}
}

static void
written(void *ctx, const struct err *why)
{
	struct acceptance *a = ctx;
	struct log *log = &a->c->env->log;

	registry_pin_moving(a->c->registry, a->repo, a->release_tag, false);
	if (why) {
		log_failure(log, LOG_ERROR, "pin_failed", why, "repo", a->row.repo, "tag",
		    a->row.release_tag, NULL);
	} else {
		registry_pin_move(a->c->registry, &a->row);
		log_event(log, LOG_INFO, "pin_accepted", "repo", a->row.repo, "tag",
		    a->row.release_tag, NULL);
		challenge_all(a);
	}
	if (a->r)
		http_req_set_ops(a->r, NULL, NULL);
	if (a->r && why)
		api_refuse(a->r, why, NULL, NULL);
	else if (a->r)
		answer(a);
	free(a);
}

static void
fill_audit(const struct acceptance *a, struct audit_row *row)
{
	char hex[2 * ATTEST_DIGEST + 1];
	size_t n;

	audit_fill_act(a->c, row, "pin_accepted", NULL, a->r);
	n = strlen(row->detail);
	(void)snprintf(row->detail + n, sizeof row->detail - n, "; was %s",
	    hex_encode(span_of(a->was, sizeof a->was), hex));
	memcpy(row->repo, a->row.repo, sizeof row->repo);
	memcpy(row->release_tag, a->row.release_tag, sizeof row->release_tag);
	memcpy(row->allowlist_sha256, a->sha256, sizeof row->allowlist_sha256);
}

static MUST_CHECK bool
submit(struct acceptance *a, struct err *e)
{
	const struct pin_row *pin = registry_pin_find(a->c->registry, a->repo, a->release_tag);
	struct store_change ch[2];

	if (!registry_pin_moved(a->c->registry, a->repo, a->release_tag, a->sha256,
		env_now_s(a->c->env), &a->row, e))
		return err_show(e, "nothing is pinned for that release");
	memcpy(a->was, pin->sha256, sizeof a->was);
	memset(ch, 0, sizeof ch);
	ch[0].op = STORE_PUT_PIN;
	ch[0].u.pin = a->row;
	ch[1].op = STORE_ADD_AUDIT;
	fill_audit(a, &ch[1].u.audit);
	a->writing = control_submit(a->c, ch, 2, written, a, e);
	if (a->writing)
		registry_pin_moving(a->c->registry, a->repo, a->release_tag, true);
	return a->writing;
}

/* -- what was asked -- */

static bool
bad(const char *what, struct err *e)
{
	(void)err_show(e, "%s", what);
	return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "%s", what);
}

static MUST_CHECK bool
read_body(struct acceptance *a, struct span text, struct err *e)
{
	struct json_doc d;
	const struct json_node *top, *sha;
	bool ok;

	if (!json_parse(&d, text, (struct json_limits){2, 64}, &(struct err){0}))
		return bad("the body is no JSON", e);
	top = json_top(&d);
	sha = json_get(&d, top, "sha256");
	if (top->type != JSON_OBJECT || json_has_dup(top))
		ok = bad("the body is no JSON object, or has a member twice", e);
	else if (!json_cstr(json_get(&d, top, "repo"), a->repo, sizeof a->repo)
		 || !msg_repo_ok(span_str(a->repo)))
		ok = bad("repo is no repository's name", e);
	else if (!json_cstr(json_get(&d, top, "release_tag"), a->release_tag, sizeof a->release_tag)
		 || !msg_tag_ok(span_str(a->release_tag)))
		ok = bad("release_tag is no tag", e);
	else
		ok = (sha && sha->type == JSON_STRING
			 && hex_decode(sha->text, a->sha256, sizeof a->sha256))
		     || bad("sha256 is not the hex of 32 bytes", e);
	json_free(&d);
	return ok;
}

static void
got_body(struct http_req *r, const struct err *why, struct span text, void *ctx)
{
	struct acceptance *a = ctx;
	struct err e = {0};

	if (why)
		refuse(a, why);
	else if (!read_body(a, text, &e) || !submit(a, &e))
		refuse(a, &e);
}

void
pins_accept(struct control *c, struct http_req *r)
{
	struct acceptance *a = calloc(1, sizeof *a);
	struct err e = {0};

	if (!a) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "pin");
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	a->c = c;
	a->r = r;
	http_req_set_ops(r, &ops, a);
	http_req_collect(r, BODY_MAX, got_body, a);
}
