#include "core/audit.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/jcs.h"
#include "base/utf8.h"

const char *
audit_head_write(const struct audit_chain *c, char dst[static AUDIT_HEAD_MAX])
{
	int n = snprintf(dst, AUDIT_HEAD_MAX, "%llu:", (unsigned long long)c->seq);

	hex_encode(span_of(c->head, sizeof c->head), dst + n);
	return dst;
}

bool
audit_head_read(struct span text, struct audit_chain *c)
{
	size_t at = 0;

	memset(c, 0, sizeof *c);
	while (at < text.n && at < 19 && text.p[at] >= '0' && text.p[at] <= '9')
		at++;
	if (at > 0 && at < text.n && text.p[at] == ':') {
		for (size_t i = 0; i < at; i++)
			c->seq = c->seq * 10 + (uint64_t)(text.p[i] - '0');
		text = span_from(text, at + 1);
	}
	return hex_decode(text, c->head, sizeof c->head);
}

static void
clean(char *s)
{
	struct span left = span_str(s);

	while (left.n) {
		size_t n = utf8_len(left);

		if (n == 0)
			s[left.p - (const uint8_t *)s] = '?';
		left = span_from(left, n ? n : 1);
	}
}

void
audit_row_clean(struct audit_row *row)
{
	clean(row->event);
	clean(row->app_name);
	clean(row->agent_id);
	clean(row->repo);
	clean(row->release_tag);
	clean(row->network);
	clean(row->verdict);
	clean(row->reason);
	clean(row->detail);
}

static void
write_digest(struct jw *w, const char *name, const uint8_t digest[static ATTEST_DIGEST])
{
	static const uint8_t none[ATTEST_DIGEST];

	if (memcmp(digest, none, sizeof none) == 0)
		jw_str(w, name, "");
	else
		jw_hex(w, name, span_of(digest, ATTEST_DIGEST));
}

/* The members in the order that RFC 8785 section 3.2.3 asks for. */
static void
write_row(const struct audit_row *row, bool with_hash, struct buf *out)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	jw_str(&w, "agent_id", row->agent_id);
	write_digest(&w, "allowlist_sha256", row->allowlist_sha256);
	jw_str(&w, "app_name", row->app_name);
	jw_int(&w, "at", row->at);
	jw_str(&w, "detail", row->detail);
	jw_str(&w, "event", row->event);
	if (with_hash)
		jw_hex(&w, "hash", span_of(row->hash, sizeof row->hash));
	jw_str(&w, "network", row->network);
	jw_hex(&w, "prev", span_of(row->prev, sizeof row->prev));
	write_digest(&w, "quote_sha256", row->quote_sha256);
	jw_str(&w, "reason", row->reason);
	jw_str(&w, "release_tag", row->release_tag);
	jw_str(&w, "repo", row->repo);
	jw_int(&w, "seq", (int64_t)row->seq);
	jw_str(&w, "v", AUDIT_FORMAT);
	jw_str(&w, "verdict", row->verdict);
	jw_end_object(&w);
}

void
audit_row_write(const struct audit_row *row, struct buf *out)
{
	write_row(row, false, out);
}

void
audit_row_write_whole(const struct audit_row *row, struct buf *out)
{
	write_row(row, true, out);
}

static MUST_CHECK bool
hash(const struct audit_row *row, uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	struct buf b;
	bool ok;

	buf_init(&b, AUDIT_ROW_MAX);
	audit_row_write(row, &b);
	ok = buf_ok(&b) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "audit row");
	ok = ok && attest_sha256(buf_span(&b), out, e);
	buf_fini(&b);
	return ok;
}

bool
audit_chain_add(struct audit_chain *c, struct audit_row *row, struct err *e)
{
	audit_row_clean(row);
	row->seq = c->seq + 1;
	memcpy(row->prev, c->head, sizeof row->prev);
	if (!hash(row, row->hash, e))
		return false;
	c->seq = row->seq;
	memcpy(c->head, row->hash, sizeof c->head);
	return true;
}

static MUST_CHECK bool
broken(uint64_t seq, const char *how, struct err *e)
{
	return err_set(
	    e, ERR_UNTRUSTED, REASON_STORE_FAILED, "row %llu %s", (unsigned long long)seq, how);
}

bool
audit_chain_check(struct audit_chain *c, const struct audit_row *row, struct err *e)
{
	uint8_t is[ATTEST_DIGEST];

	if (row->seq != c->seq + 1)
		return broken(c->seq + 1, "is not there", e);
	if (!hash(row, is, e))
		return false;
	if (memcmp(row->hash, is, sizeof is) != 0)
		return broken(row->seq, "is not as it was written: its hash is of other bytes", e);
	if (memcmp(row->prev, c->head, sizeof row->prev) != 0)
		return broken(row->seq, "does not follow the row before it", e);
	c->seq = row->seq;
	memcpy(c->head, row->hash, sizeof c->head);
	return true;
}
