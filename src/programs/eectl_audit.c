/* eectl_audit.c - `eectl audit`: checks the chain of a registry's audit trail, and shows its rows.
 * Reads the file and never writes it. */
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/rfc3339.h"
#include "core/audit.h"
#include "programs/eectl.h"
#include "programs/eectl_audit.h"
#include "programs/eectl_io.h"

#define EXIT_CHANGED    2
#define EXIT_OTHER_TAIL 3
#define EXIT_UNREADABLE 4

const char usage_audit[] =
    "Usage: eectl audit verify FILE [--head HEAD]\n"
    "       eectl audit show FILE [--app NAME] [--since TIME] [--json]\n"
    "\n"
    "Check or show the audit trail of a registry: a file that no ee-control has\n"
    "open, or a backup (eectl backup).\n"
    "\n"
    "verify computes every row's hash and compares it with what the row and the\n"
    "one behind it say. It prints the head: number and hash of the last row. Keep\n"
    "that elsewhere: a trail whose end was cut off or written anew is whole in\n"
    "itself, and only an earlier head shows it.\n"
    "\n"
    "  --head HEAD    a head that was printed earlier, SEQ:HASH or HASH: the trail\n"
    "                 must have that row still; more may have followed\n"
    "\n"
    "show prints a line a row and checks nothing.\n"
    "\n"
    "  --app NAME     rows of this app\n"
    "  --since TIME   rows of this time or later, such as 2026-01-02T03:04:05Z\n"
    "  --json         a JSON object a line; docs/audit.md names its members\n"
    "\n"
    "Exit status: 0 whole, or shown; 1 wrong call; 2 a row is not as it was\n"
    "written, and is named; 3 the head is not in the trail: its end was cut off or\n"
    "written anew; 4 the file cannot be read, is no registry, or is in use.\n";

static int
complain(const struct err *e)
{
	fprintf(stderr, "eectl audit: %s\n", e->detail);
	return e->code == ERR_UNTRUSTED ? EXIT_CHANGED : EXIT_UNREADABLE;
}

/* -- verify -- */

struct check {
	struct audit_chain chain, head; /* what stands there, what should */
	bool want_head, found;
};

static bool
check_row(void *ctx, const struct audit_row *row, struct err *e)
{
	struct check *c = ctx;

	if (!audit_chain_check(&c->chain, row, e))
		return false;
	if (c->want_head && memcmp(row->hash, c->head.head, sizeof row->hash) == 0
	    && (c->head.seq == 0 || c->head.seq == row->seq)) {
		c->found = true;
		c->head.seq = row->seq;
	}
	return true;
}

bool
eectl_audit_check(const char *path, struct audit_chain *head, struct err *e)
{
	const struct audit_query all = {0};
	struct check c = {0};
	struct sqlite_db d;
	bool ok;

	if (!sqlite_db_open_to_read(&d, path, e))
		return false;
	ok = sqlite_db_each_audit(&d, &all, check_row, &c, e);
	sqlite_db_close(&d);
	*head = c.chain;
	return ok;
}

static int
say_verdict(const struct check *c, const char *asked)
{
	char head[AUDIT_HEAD_MAX];

	if (c->want_head && !c->found) {
		fprintf(stderr,
		    "eectl audit: the head %s is not in this trail, which has %llu rows: its end "
		    "was cut off or written anew\n",
		    asked, (unsigned long long)c->chain.seq);
		return EXIT_OTHER_TAIL;
	}
	printf("whole: %llu rows\n", (unsigned long long)c->chain.seq);
	if (c->want_head)
		printf("the head that was kept is row %llu\n", (unsigned long long)c->head.seq);
	printf("head: %s\n", audit_head_write(&c->chain, head));
	return 0;
}

static int
verify(const char *path, const char *head)
{
	const struct audit_query all = {0};
	struct check c = {.want_head = head != NULL};
	struct sqlite_db d;
	struct err e = {0};
	bool ok;

	if (head && !audit_head_read(span_str(head), &c.head)) {
		fprintf(stderr, "eectl audit: --head takes SEQ:HASH or HASH, 64 hex digits\n");
		return EECTL_USAGE;
	}
	/* The head of a trail without rows. */
	c.found = head && c.head.seq == 0 && memcmp(c.head.head, c.chain.head, ATTEST_DIGEST) == 0;
	if (!sqlite_db_open_to_read(&d, path, &e))
		return complain(&e);
	ok = sqlite_db_each_audit(&d, &all, check_row, &c, &e);
	sqlite_db_close(&d);
	return ok ? say_verdict(&c, head) : complain(&e);
}

/* -- show -- */

struct show {
	int64_t since;
	bool json;
	struct buf out;
};

/* As it is where it is plain; else in quotes, with all that a terminal might obey spelled out. */
static void
add_text(struct buf *b, const char *name, const char *s)
{
	bool plain = true;

	if (s[0] == '\0')
		return;
	for (const char *c = s; *c; c++)
		plain = plain && *c > ' ' && *c < 0x7f && *c != '"' && *c != '\\';
	buf_printf(b, " %s=", name);
	if (plain) {
		buf_add_str(b, s);
		return;
	}
	buf_add_u8(b, '"');
	for (const char *c = s; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_printf(b, "\\%c", *c);
		else if (*c < ' ' || *c >= 0x7f)
			buf_printf(b, "\\x%02x", (unsigned)(unsigned char)*c);
		else
			buf_add_u8(b, (uint8_t)*c);
	}
	buf_add_u8(b, '"');
}

static void
add_digest(struct buf *b, const char *name, const uint8_t digest[static ATTEST_DIGEST])
{
	static const uint8_t none[ATTEST_DIGEST];

	if (memcmp(digest, none, sizeof none) == 0)
		return;
	buf_printf(b, " %s=", name);
	hex_encode_buf(span_of(digest, ATTEST_DIGEST), b);
}

static void
add_line(struct buf *b, const struct audit_row *row)
{
	char time[RFC3339_SIZE];

	buf_printf(b, "%llu %s %s", (unsigned long long)row->seq, rfc3339_write(row->at, time),
	    row->event);
	add_text(b, "app", row->app_name);
	add_text(b, "agent", row->agent_id);
	add_text(b, "verdict", row->verdict);
	add_text(b, "reason", row->reason);
	add_text(b, "detail", row->detail);
	add_text(b, "repo", row->repo);
	add_text(b, "release", row->release_tag);
	add_text(b, "network", row->network);
	add_digest(b, "quote", row->quote_sha256);
	add_digest(b, "allowlist", row->allowlist_sha256);
}

static bool
show_row(void *ctx, const struct audit_row *row, struct err *e)
{
	struct show *s = ctx;

	if (row->at < s->since)
		return true;
	buf_clear(&s->out);
	if (s->json)
		audit_row_write_whole(row, &s->out);
	else
		add_line(&s->out, row);
	return eectl_print_buf(&s->out)
	       || err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "standard output");
}

static int
show(const char *path, const char *app, int64_t since, bool json)
{
	struct show s = {.since = since, .json = json};
	struct audit_query q = {0};
	struct sqlite_db d;
	struct err e = {0};
	bool ok;

	if (app && !span_cstr(span_str(app), q.app_name, sizeof q.app_name)) {
		fprintf(stderr, "eectl audit: --app is no app's name\n");
		return EECTL_USAGE;
	}
	if (!sqlite_db_open_to_read(&d, path, &e))
		return complain(&e);
	buf_init(&s.out, AUDIT_ROW_MAX);
	ok = sqlite_db_each_audit(&d, &q, show_row, &s, &e);
	buf_fini(&s.out);
	sqlite_db_close(&d);
	return ok ? 0 : complain(&e);
}

/* -- the command line -- */

struct options {
	const char *verb, *file, *head, *app, *since;
	bool json;
};

static bool
take(struct options *o, int argc, char **argv)
{
	const char **value;

	o->verb = argc > 1 ? argv[1] : "";
	for (int i = 2; i < argc; i++) {
		const char *arg = argv[i];

		value = strcmp(arg, "--head") == 0    ? &o->head
			: strcmp(arg, "--app") == 0   ? &o->app
			: strcmp(arg, "--since") == 0 ? &o->since
						      : NULL;
		if (strcmp(arg, "--json") == 0) {
			o->json = true;
		} else if (value) {
			if (++i == argc || *value)
				return false;
			*value = argv[i];
		} else if (arg[0] == '-' || o->file) {
			return false;
		} else {
			o->file = arg;
		}
	}
	return o->file != NULL;
}

int
cmd_audit(int argc, char **argv)
{
	struct options o = {0};
	int64_t since = INT64_MIN;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_audit, stdout);
		return 0;
	}
	if (take(&o, argc, argv)) {
		if (o.since && !rfc3339_read(span_str(o.since), &since)) {
			fprintf(stderr, "eectl audit: --since takes a time in UTC, such as "
					"2026-01-02T03:04:05Z\n");
			return EECTL_USAGE;
		}
		if (strcmp(o.verb, "verify") == 0 && !o.app && !o.since && !o.json)
			return verify(o.file, o.head);
		if (strcmp(o.verb, "show") == 0 && !o.head)
			return show(o.file, o.app, since, o.json);
	}
	fputs(usage_audit, stderr);
	return EECTL_USAGE;
}
