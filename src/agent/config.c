#include "agent/config.h"

#include "agent/claims.h"
#include "agent/identity.h"
#include "base/hex.h"
#include "base/limits.h"
#include "os/file.h"
#include "wire/http1.h"

/* The running executable: what is in memory, whatever the path names by now. */
#define SELF     "/proc/self/exe"
#define SELF_MAX (256u * 1024 * 1024)
#define CA_MAX   (4u * 1024 * 1024)

/* On a plaintext tunnel the host reads and changes every byte, and no quote can be bound to the
 * connection; on loopback there is no host in between. */
static MUST_CHECK bool
check_control(const struct agent_config *c, const struct agent_control *to, struct err *e)
{
	if (to->url.scheme != URL_WS && to->url.scheme != URL_WSS)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_CONTROL_WS: begins with wss:// (or ws:// on loopback)");
	if (!url_is_tls(&to->url) && !host_is_loopback(&to->url.host)
	    && !span_is(span_str(c->s->allow_plaintext), "yes"))
		return err_set(e, ERR_POLICY, REASON_BAD_SETTING,
		    "EE_CONTROL_WS: ws:// to %.80s lets the network read everything; use wss://, "
		    "or EE_ALLOW_PLAINTEXT=yes",
		    to->url.host.name);
	if (!url_is_tls(&to->url) && c->s->control_ca)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_CONTROL_CA has no use with ws://: use wss://");
	/* Two tunnels of one agent to one control plane would replace each other for ever. */
	for (const struct agent_control *o = c->controls; o < to; o++)
		if (strcmp(o->origin, to->origin) == 0)
			return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
			    "EE_CONTROL_WS: %.80s is there twice", to->origin);
	return true;
}

static MUST_CHECK bool
load_control(struct agent_config *c, struct span ws, struct err *e)
{
	struct agent_control *to = &c->controls[c->n_controls];

	if (c->n_controls == AGENT_CONTROLS_MAX)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_CONTROL_WS: more than %d control planes", AGENT_CONTROLS_MAX);
	if (!span_cstr(ws, to->ws, sizeof to->ws))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "EE_CONTROL_WS: %.*s: too long",
		    (int)span_first(ws, 80).n, (const char *)ws.p);
	if (!url_parse_setting(&to->url, "EE_CONTROL_WS", span_str(to->ws), e))
		return false;
	url_origin(&to->url, to->origin);
	buf_init(&to->claims, 2 * LIMIT_CLAIMS);
	c->n_controls++;
	return check_control(c, to, e);
}

static MUST_CHECK bool
load_controls(struct agent_config *c, struct err *e)
{
	struct span rest = span_str(c->s->control_ws), ws;

	while (list_next(&rest, &ws))
		if (!load_control(c, ws, e))
			return false;
	return true;
}

static const char *
text_of(const char *setting)
{
	return setting ? setting : "";
}

static MUST_CHECK bool
load_identity(struct agent_config *c, const struct env *env, struct err *e)
{
	struct attest_identity *id = &c->id;
	const struct settings *s = c->s;
	struct err why = {0};
	uint8_t random[16];

	*id = (struct attest_identity){text_of(s->repo), text_of(s->release_tag),
	    text_of(s->app_name), text_of(s->network), text_of(s->agent_id)};
	if (!id->agent_id[0]) {
		env_random(env, random, sizeof random);
		if (!identity_load(s->state_dir, random, c->agent_id, e))
			return false;
		id->agent_id = c->agent_id;
	}
	if (attest_identity_check(id, &why))
		return true;
	return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
	    "of EE_REPO, EE_RELEASE_TAG, EE_APP_NAME, EE_NETWORK, EE_AGENT_ID one is wrong: %.60s "
	    "%.60s",
	    why.shown, why.detail);
}

static MUST_CHECK bool
load_backend(struct agent_config *c, struct err *e)
{
	struct span path = span_str(c->s->health_path);
	struct err why = {0};
	struct host h;

	if (!backend_address_parse(&c->backend, c->s->backend_url, e))
		return false;
	if (path.n && (!span_starts(path, "/") || !http1_target_ok(path)))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_HEALTH_PATH: begins with / and has no space");
	if (c->s->backend_host && !host_parse(&h, span_str(c->s->backend_host), &why))
		return err_set(
		    e, ERR_USAGE, REASON_BAD_SETTING, "EE_BACKEND_HOST: is host or host:port");
	return true;
}

static MUST_CHECK bool
load_provider(struct agent_config *c, struct err *e)
{
	struct span p = span_str(c->s->quote_provider);
	struct url u;

	if (span_is(p, "tsm"))
		return true;
	if (!span_starts(p, "sim:"))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_QUOTE_PROVIDER: tsm or sim:http://host:port/sim/vm/NAME");
	c->sim_url = c->s->quote_provider + 4;
	if (!url_parse_setting(&u, "EE_QUOTE_PROVIDER", span_from(p, 4), e))
		return false;
	if (u.scheme != URL_HTTP && u.scheme != URL_HTTPS)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_QUOTE_PROVIDER: sim: wants an http:// URL");
	return true;
}

static MUST_CHECK bool
file_digest(const char *path, size_t max, char hex[static 65], struct err *e)
{
	uint8_t digest[ATTEST_DIGEST];
	struct buf bytes;
	bool ok;

	buf_init(&bytes, max);
	ok = file_read(path, max, &bytes, e) && attest_sha256(buf_span(&bytes), digest, e);
	if (ok)
		hex_encode(span_of(digest, sizeof digest), hex);
	buf_fini(&bytes);
	return ok;
}

/* Only the default place may be empty: a path that somebody wrote down is meant. */
static MUST_CHECK bool
read_claims(struct agent_config *c, struct buf *text, struct err *e)
{
	const struct setting *row = setting_find(span_str("EE_CLAIMS_FILE"));
	bool is_default = row && row->def && span_is(span_str(c->s->claims_file), row->def);
	struct err why = {0};

	if (file_read(c->s->claims_file, LIMIT_CLAIMS, text, &why)) {
		if (text->n > 0)
			return true;
		return err_set(
		    e, ERR_MALFORMED, REASON_BAD_SETTING, "%.100s is empty", c->s->claims_file);
	}
	c->claims_absent = is_default && why.code == ERR_NOTFOUND;
	if (c->claims_absent)
		return true;
	*e = e->code == ERR_NONE ? why : *e;
	return false;
}

static MUST_CHECK bool
build_claims(struct agent_config *c, struct span file, struct claims_own own, struct err *e)
{
	static const struct json_limits limits = {LIMIT_JSON_DEPTH, LIMIT_JSON_NODES};

	for (size_t i = 0; i < c->n_controls; i++) {
		struct agent_control *to = &c->controls[i];

		own.control = to->origin;
		if (!claims_build(file, &own, &to->claims, e)
		    || !json_parse(&to->claims_doc, buf_span(&to->claims), limits, e))
			return false;
	}
	return true;
}

static MUST_CHECK bool
load_claims(struct agent_config *c, struct err *e)
{
	char self[65], ca[65] = "system";
	struct claims_own own = {
	    .agent_sha256 = self, .ca = ca, .backend = backend_address_claim(&c->backend)};
	struct buf file;
	bool ok;

	buf_init(&file, LIMIT_CLAIMS);
	ok = read_claims(c, &file, e) && file_digest(SELF, SELF_MAX, self, e)
	     && (!c->s->control_ca || file_digest(c->s->control_ca, CA_MAX, ca, e))
	     && build_claims(c, buf_span(&file), own, e);
	buf_fini(&file);
	return ok;
}

bool
agent_config_load(
    struct agent_config *c, const struct settings *s, const struct env *env, struct err *e)
{
	*c = (struct agent_config){.s = s};
	return load_controls(c, e) && load_backend(c, e) && load_provider(c, e)
	       && load_identity(c, env, e) && load_claims(c, e);
}

void
agent_config_fini(struct agent_config *c)
{
	for (size_t i = 0; i < c->n_controls; i++) {
		json_free(&c->controls[i].claims_doc);
		buf_fini(&c->controls[i].claims);
	}
}
