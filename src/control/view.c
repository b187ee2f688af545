#include "control/view.h"

#include "base/rfc3339.h"
#include "wire/message.h"

void
view_write_time(struct jw *w, const char *name, int64_t at_s)
{
	char text[RFC3339_SIZE];

	jw_str(w, name, at_s ? rfc3339_write(at_s, text) : NULL);
}

/* "A,B" as an array of strings. */
static void
write_advisories(struct jw *w, const char *list)
{
	struct span left = span_str(list);

	jw_array(w, "advisory_ids");
	while (left.n) {
		const uint8_t *comma = memchr(left.p, ',', left.n);
		struct span one = span_first(left, comma ? (size_t)(comma - left.p) : left.n);

		left = span_from(left, one.n + 1);
		if (one.n)
			jw_span(w, NULL, one);
	}
	jw_end_array(w);
}

static const char *
text_or_null(const char *s)
{
	return s && s[0] ? s : NULL;
}

void
view_write_members(struct jw *w, const struct resolve *a)
{
	jw_str(w, "app_name", text_or_null(a->row.name));
	jw_str(w, "repo", text_or_null(a->row.repo));
	jw_str(w, "release_tag", text_or_null(a->release_tag));
	jw_str(w, "network", text_or_null(a->row.network));
	jw_str(w, "agent_id", text_or_null(a->agent_id));
	view_write_time(w, "registered_at", a->row.registered_at);
	view_write_time(w, "registration_expires_at", a->row.expires_at);
	jw_str(w, "registration_state", text_or_null(a->registration_state));
	jw_bool(w, "sealed", a->sealed);
	jw_str(w, "attestation_status", a->attestation_status);
	jw_str(w, "health_status", a->health_status);
	jw_bool(w, "ws_connected", a->ws_connected);
	view_write_time(w, "last_attested_at", a->last_attested_at);
	view_write_time(w, "last_health_at", a->last_health_at);
	view_write_time(w, "lease_expires_at", a->lease_expires_at);
	jw_str(w, "tcb_status", text_or_null(a->tcb_status));
	write_advisories(w, a->advisories);
	jw_str(w, "freshness", text_or_null(a->freshness));
	jw_object(w, "replicas");
	jw_int(w, "total", (int64_t)a->replicas);
	jw_int(w, "connected", (int64_t)a->replicas_connected);
	jw_int(w, "serving", (int64_t)a->replicas_serving);
	jw_end_object(w);
	jw_bool(w, "allowed", a->allowed);
	if (!a->allowed)
		jw_str(w, "reason", reason_token(a->reason));
}

void
view_write_resolve(struct buf *out, const struct resolve *a, bool custom_root)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	view_write_members(&w, a);
	jw_str(&w, "trust_root", custom_root ? "custom" : "intel");
	jw_end_object(&w);
}

void
view_write_unknown(struct buf *out, struct span name, enum reason reason, bool custom_root)
{
	struct resolve none;

	memset(&none, 0, sizeof none);
	none.attestation_status = "unknown";
	none.health_status = "unknown";
	none.reason = reason;
	/* What cannot be an app's name is not repeated to whoever asks. */
	if (msg_app_name_ok(name) && name.n < sizeof none.row.name)
		memcpy(none.row.name, name.p, name.n);
	view_write_resolve(out, &none, custom_root);
}
