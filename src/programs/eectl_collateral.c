/* eectl collateral: bundles of collateral and the folder that ee-control keeps them in. */
#include "programs/eectl_collateral.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/jcs.h"
#include "base/limits.h"
#include "base/rfc3339.h"
#include "os/file.h"
#include "programs/eectl.h"
#include "programs/eectl_io.h"

#define DAY_S 86400

const char usage_collateral[] =
    "Usage: eectl collateral fetch --quote FILE --out FILE [OPTION]...\n"
    "       eectl collateral fetch --fmspc HEX --out FILE [OPTION]...\n"
    "       eectl collateral show FILE|DIR... [--json]\n"
    "       eectl collateral export DIR [PLATFORM] --out FILE\n"
    "       eectl collateral import DIR FILE...\n"
    "\n"
    "Fetch collateral into a bundle, as eectl verify takes it; show what is in\n"
    "bundles; move them out of and into the folder that ee-control keeps them in\n"
    "(EE_COLLATERAL_DIR). A running ee-control reads its folder again at SIGHUP.\n"
    "PLATFORM is a name as show prints it: tdx-platform-00a0b0c0d0e0.\n"
    "\n"
    "  --root-ca FILE      trust this root instead of Intel's (PEM or DER)\n"
    "  --json              show: one JSON array\n"
    "  --out FILE          the bundle to write\n"
    "\n"
    "Fetch:\n"
    "  --quote FILE        for the platform of this quote\n"
    "  --fmspc HEX         for this family: 12 hex digits\n"
    "  --ca CA             its PCK CA, platform or processor; platform\n"
    "  --tee TEE           tdx or sgx; tdx\n"
    "  --url URL           the service; $EE_PCCS_URL, else Intel's\n"
    "  --service-ca FILE   trust only these CAs (PEM) for the service\n"
    "  --early             Intel's early edition\n"
    "  --timeout SECONDS   for one request; 20\n"
    "\n"
    "Exit status: 0 done; 1 wrong call; 2 malformed bundle; 3 not authentic, or\n"
    "for another platform; 4 out of its time, or older than what the folder has\n"
    "seen; 5 the service could not be asked or had it not; 6 a file or folder\n"
    "could not be read or written.\n";

int
collateral_complain(int code, const char *what, const char *value)
{
	fprintf(stderr, "eectl collateral: %s%s%s\n", what, value ? ": " : "", value ? value : "");
	return code;
}

/* -- what went wrong -- */

static bool
ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n >= k && strcmp(s + n - k, tail) == 0;
}

int
collateral_code(const struct err *e)
{
	static const char *const outdated[] = {"_older", "_expired", "_not_yet_valid"};

	if (e->code == ERR_NOMEM)
		return COLLATERAL_CALL;
	if (e->reason == REASON_FILE_UNREADABLE || e->reason == REASON_FILE_UNWRITABLE)
		return COLLATERAL_FILE;
	for (size_t i = 0; i < sizeof outdated / sizeof outdated[0]; i++)
		if (ends_with(e->arg, outdated[i]))
			return COLLATERAL_OUTDATED;
	if (e->reason == REASON_COLLATERAL_MALFORMED || e->reason == REASON_COLLATERAL_MARKS
	    || ends_with(e->arg, "_malformed"))
		return COLLATERAL_MALFORMED;
	return COLLATERAL_UNTRUSTED;
}

static int
refused(const char *path, const struct err *e)
{
	char token[ERR_TOKEN_MAX];

	fprintf(stderr, "eectl collateral: %s: %s: %s\n", path, err_token(e, token), e->detail);
	return collateral_code(e);
}

/* -- the command line -- */

static const char **
value_of(struct collateral_args *a, const char *arg)
{
	const struct eectl_value values[] = {
	    {"--url", &a->url},
	    {"--service-ca", &a->service_ca},
	    {"--root-ca", &a->root_ca},
	    {"--out", &a->out},
	    {"--quote", &a->quote},
	    {"--fmspc", &a->fmspc},
	    {"--ca", &a->ca},
	    {"--tee", &a->tee},
	    {"--timeout", &a->timeout},
	};

	return eectl_value_of(values, sizeof values / sizeof values[0], arg);
}

static MUST_CHECK bool
parse(struct collateral_args *a, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const char *arg = argv[i], **value = value_of(a, arg);

		if (value && i + 1 == argc)
			return !collateral_complain(COLLATERAL_CALL, "value missing for", arg);
		if (value)
			*value = argv[++i];
		else if (strcmp(arg, "--early") == 0)
			a->early = true;
		else if (strcmp(arg, "--json") == 0)
			a->json = true;
		else if (arg[0] == '-')
			return !collateral_complain(COLLATERAL_CALL, "unknown option", arg);
		else if (a->n == sizeof a->rest / sizeof a->rest[0])
			return !collateral_complain(COLLATERAL_CALL, "too many arguments", arg);
		else
			a->rest[a->n++] = arg;
	}
	return true;
}

static MUST_CHECK bool
open_verifier(struct collateral_args *a)
{
	struct eedcap_error e = {0};
	struct buf pem;
	bool ok = true;

	if (a->root_ca) {
		if (!eectl_read_file(a->root_ca, LIMIT_CERT_DATA, &pem))
			return false;
		ok = eedcap_root_key(pem.p, pem.n, a->root_key, &e);
		buf_fini(&pem);
	}
	if (ok)
		a->dcap = eedcap_context_new(a->root_ca ? a->root_key : NULL, 64, &e);
	return a->dcap || !collateral_complain(COLLATERAL_CALL, "--root-ca", e.detail);
}

/* -- show -- */

static void
show_text(const char *path, const char *name, const struct eedcap_collateral *c, int64_t now_s)
{
	printf("%s: %s\n", path, name);
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		char issued[RFC3339_SIZE], expiry[RFC3339_SIZE];
		struct eedcap_item_facts f;

		eedcap_collateral_item(c, (enum eedcap_item)i, &f);
		printf("  %-8s issued %s  expires %s  %s%lld days left",
		    item_name((enum eedcap_item)i), rfc3339_write(f.issued, issued),
		    rfc3339_write(f.expiry, expiry), now_s > f.expiry ? "EXPIRED, " : "",
		    (long long)((f.expiry - now_s) / DAY_S));
		if (f.evaluation_number)
			printf("  evaluation number %u", f.evaluation_number);
		putchar('\n');
	}
}

static void
show_json(struct jw *w, const char *path, const char *name, const struct eedcap_collateral *c,
    int64_t now_s)
{
	char at[RFC3339_SIZE];

	jw_object(w, NULL);
	jw_str(w, "file", path);
	jw_str(w, "platform", name);
	jw_bool(w, "in_time",
	    now_s >= eedcap_collateral_start(c) && now_s <= eedcap_collateral_expiry(c));
	jw_array(w, "items");
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		struct eedcap_item_facts f;

		eedcap_collateral_item(c, (enum eedcap_item)i, &f);
		jw_object(w, NULL);
		jw_str(w, "item", item_name((enum eedcap_item)i));
		jw_str(w, "issued", rfc3339_write(f.issued, at));
		jw_str(w, "expires", rfc3339_write(f.expiry, at));
		jw_int(w, "days_left", (f.expiry - now_s) / DAY_S);
		if (f.evaluation_number)
			jw_int(w, "evaluation_number", f.evaluation_number);
		jw_end_object(w);
	}
	jw_end_array(w);
	jw_end_object(w);
}

/* What is out of its time is shown, and told by the exit code. */
static int
show_file(const struct collateral_args *a, const char *path, struct jw *w)
{
	struct eedcap_collateral *c;
	struct eedcap_error d = {0};
	struct collateral_key key;
	char name[KEY_NAME_MAX];
	struct err e = {0};
	struct buf json;
	int rc = COLLATERAL_DONE;

	buf_init(&json, LIMIT_COLLATERAL + 1);
	if (!file_read(path, LIMIT_COLLATERAL, &json, &e)
	    || !disk_key_of(a->dcap, buf_span(&json), &key, &e)) {
		buf_fini(&json);
		return refused(path, &e);
	}
	c = eedcap_collateral_parse(a->dcap, json.p, json.n, &d);
	buf_fini(&json);
	if (!c)
		return collateral_complain(COLLATERAL_CALL, path, d.detail);
	if (a->json)
		show_json(w, path, key_name(&key, name), c, a->now_s);
	else
		show_text(path, key_name(&key, name), c, a->now_s);
	if (a->now_s < eedcap_collateral_start(c) || a->now_s > eedcap_collateral_expiry(c))
		rc = COLLATERAL_OUTDATED;
	eedcap_collateral_free(c);
	return rc;
}

/* A folder's bundles, those that its reader would take and those that it would not. */
static int
show_folder(const struct collateral_args *a, const char *dir, struct jw *w)
{
	struct disk_load *d = calloc(1, sizeof *d);
	int rc = COLLATERAL_DONE;

	if (!d || !span_cstr(span_str(dir), d->dir, sizeof d->dir)) {
		free(d);
		return collateral_complain(COLLATERAL_CALL, "folder", dir);
	}
	disk_root_name(a->root_ca ? a->root_key : NULL, d->root);
	d->dcap = a->dcap;
	d->now_s = a->now_s;
	disk_load_run(d);
	if (d->marks_why.code != ERR_NONE)
		rc = refused(dir, &d->marks_why);
	for (size_t i = 0; i < d->n; i++) {
		char path[4400], name[KEY_NAME_MAX];
		int one = COLLATERAL_DONE;

		if (!disk_path(dir, &d->entry[i].key, path, sizeof path))
			continue;
		if (d->entry[i].handle == NULL)
			one = refused(path, &d->entry[i].why);
		else if (a->json)
			show_json(w, path, key_name(&d->entry[i].key, name), d->entry[i].handle,
			    a->now_s);
		else
			show_text(
			    path, key_name(&d->entry[i].key, name), d->entry[i].handle, a->now_s);
		rc = one ? one : rc;
	}
	disk_load_fini(d);
	free(d);
	return rc;
}

static int
show(const struct collateral_args *a)
{
	int rc = COLLATERAL_DONE;
	struct buf out;
	struct jw w = jw_of(&out);

	buf_init(&out, (size_t)16 * 1024 * 1024);
	jw_array(&w, NULL);
	for (size_t i = 0; i < a->n; i++) {
		struct stat st;
		bool folder = stat(a->rest[i], &st) == 0 && S_ISDIR(st.st_mode);
		int one = folder ? show_folder(a, a->rest[i], &w) : show_file(a, a->rest[i], &w);

		rc = one ? one : rc;
	}
	jw_end_array(&w);
	if (a->json && !eectl_print_buf(&out))
		rc = COLLATERAL_FILE;
	buf_fini(&out);
	return rc;
}

/* -- export and import -- */

static int
write_out(const char *path, struct span bundle)
{
	struct err e = {0};

	return file_write(path, bundle, 0644, &e) ? COLLATERAL_DONE : refused(path, &e);
}

/* The one entry that is meant: the one of that name, or the only one. */
static const struct disk_entry *
choose(const struct disk_load *d, const char *name, const char **why)
{
	const struct disk_entry *found = NULL;
	char text[KEY_NAME_MAX];

	for (size_t i = 0; i < d->n; i++) {
		if (name && strcmp(key_name(&d->entry[i].key, text), name) != 0)
			continue;
		if (found) {
			*why = "more than one platform: name one";
			return NULL;
		}
		found = &d->entry[i];
	}
	*why = name ? "no such platform in the folder" : "nothing in the folder";
	return found;
}

static int
export_bundle(const struct collateral_args *a)
{
	struct disk_load *d = calloc(1, sizeof *d);
	const struct disk_entry *en;
	const char *why = "";
	int rc;

	if (!d || !span_cstr(span_str(a->rest[0]), d->dir, sizeof d->dir)) {
		free(d);
		return collateral_complain(COLLATERAL_CALL, "folder", a->rest[0]);
	}
	disk_root_name(a->root_ca ? a->root_key : NULL, d->root);
	d->dcap = a->dcap;
	d->now_s = a->now_s;
	disk_load_run(d);
	en = choose(d, a->n > 1 ? a->rest[1] : NULL, &why);
	if (!en)
		rc = collateral_complain(COLLATERAL_FILE, a->rest[0], why);
	else if (!en->handle)
		rc = refused(a->rest[0], &en->why);
	else
		rc = write_out(a->out, buf_span(&en->bundle));
	disk_load_fini(d);
	free(d);
	return rc;
}

static int
import_judged(const struct collateral_args *a, const char *path, struct marks *m, struct span json)
{
	const char *dir = a->rest[0];
	char root[DISK_ROOT_MAX], name[KEY_NAME_MAX];
	struct collateral_key key;
	struct disk_entry en = {.handle = NULL};
	struct buf marks;
	struct err e = {0};
	bool ok;

	disk_root_name(a->root_ca ? a->root_key : NULL, root);
	if (!disk_read_marks(dir, root, m, &e) || !disk_key_of(a->dcap, json, &key, &e))
		return refused(path, &e);
	if (!disk_judge(a->dcap, m, &key, a->now_s, json, &en)) {
		buf_fini(&en.bundle);
		return refused(path, &en.why);
	}
	buf_init(&marks, MARKS_FILE_MAX);
	(void)marks_raise(m, &key, en.handle, a->now_s);
	marks_write(m, root, &marks);
	ok = disk_save(dir, &key, buf_span(&en.bundle), buf_span(&marks), &e);
	buf_fini(&marks);
	eedcap_collateral_free(en.handle);
	buf_fini(&en.bundle);
	if (!ok)
		return refused(dir, &e);
	printf("%s\n", key_name(&key, name));
	return COLLATERAL_DONE;
}

static int
import_bundles(const struct collateral_args *a)
{
	struct marks *m = calloc(1, sizeof *m);
	int rc = COLLATERAL_DONE;

	for (size_t i = 1; m && i < a->n && rc == COLLATERAL_DONE; i++) {
		struct err e = {0};
		struct buf json;

		buf_init(&json, LIMIT_COLLATERAL + 1);
		rc = file_read(a->rest[i], LIMIT_COLLATERAL, &json, &e)
			 ? import_judged(a, a->rest[i], m, buf_span(&json))
			 : refused(a->rest[i], &e);
		buf_fini(&json);
	}
	free(m);
	return m ? rc : collateral_complain(COLLATERAL_CALL, "no memory", NULL);
}

/* -- the command -- */

static int
run(struct collateral_args *a, const char *what)
{
	if (strcmp(what, "fetch") == 0 && a->n == 0 && a->out && !a->quote != !a->fmspc)
		return collateral_fetch(a);
	if (strcmp(what, "show") == 0 && a->n > 0)
		return show(a);
	if (strcmp(what, "export") == 0 && (a->n == 1 || a->n == 2) && a->out)
		return export_bundle(a);
	if (strcmp(what, "import") == 0 && a->n > 1)
		return import_bundles(a);
	fputs("Try 'eectl collateral --help'.\n", stderr);
	return COLLATERAL_CALL;
}

int
cmd_collateral(int argc, char **argv)
{
	struct collateral_args a = {.now_s = (int64_t)time(NULL)};
	int rc;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage_collateral, stdout);
			return 0;
		}
	if (argc < 2) {
		fputs(usage_collateral, stderr);
		return COLLATERAL_CALL;
	}
	if (!parse(&a, argc, argv) || !open_verifier(&a))
		return COLLATERAL_CALL;
	rc = run(&a, argv[1]);
	eedcap_context_free(a.dcap);
	if (fflush(stdout) != 0)
		rc = collateral_complain(COLLATERAL_FILE, "stdout", "cannot be written");
	return rc;
}
