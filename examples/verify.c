/* Verify one quote: eedcap.h and nothing else.
 * build: cc verify.c $(pkg-config --cflags --libs eedcap)
 * usage: verify QUOTE COLLATERAL */
#include <eedcap.h>
#include <stdio.h>
#include <time.h>

static char quote[EEDCAP_QUOTE_MAX], json[EEDCAP_COLLATERAL_MAX];

static size_t
load(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(to, 1, size, f) : 0;

	if (f)
		fclose(f);
	return n;
}

int
main(int argc, char **argv)
{
	size_t quote_n = argc == 3 ? load(argv[1], quote, sizeof quote) : 0;
	size_t json_n = argc == 3 ? load(argv[2], json, sizeof json) : 0;
	struct eedcap_error e;
	struct eedcap_collateral *c = eedcap_collateral_parse(NULL, json, json_n, &e);
	struct eedcap_verdict *v =
	    c ? eedcap_verify(NULL, quote, quote_n, c, (int64_t)time(NULL), NULL) : NULL;
	int refused = !v || !eedcap_verdict_accepted(v);

	if (v)
		e = *eedcap_verdict_error(v);
	printf("%s: %s %s\n", refused ? "refused" : "accepted", e.reason, e.detail);
	eedcap_verdict_free(v);
	eedcap_collateral_free(c);
	return refused;
}
