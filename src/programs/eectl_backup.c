/* eectl_backup.c - `eectl backup`: asks a running ee-control for a copy of its registry and keeps
 * it once it is whole: read to its end, opened, its audit trail checked. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs/eectl.h"
#include "programs/eectl_admin.h"
#include "programs/eectl_audit.h"

#define EXIT_REFUSED    2
#define EXIT_NOT_WHOLE  3
#define EXIT_UNWRITABLE 4
#define STALL_S         60

const char usage_backup[] =
    "Usage: eectl backup URL OUT\n"
    "\n"
    "Fetch a consistent copy of the registry of a running ee-control, check its\n"
    "audit trail, and write it to OUT, which must not be there yet. URL is the\n"
    "control plane's origin, http or https with a host and no path, such as\n"
    "https://control.example.com.\n"
    "\n"
    "The admin token is read from $EE_ADMIN_TOKEN, or from the file that\n"
    "$EE_ADMIN_TOKEN_FILE names; without either the request goes out without one.\n"
    "It is sent in clear where URL is http.\n"
    "\n"
    "Prints the head of the trail, as eectl audit verify does.\n"
    "\n"
    "Exit status: 0 written; 1 wrong call; 2 the control plane could not be asked\n"
    "or refused; 3 what came is no whole registry; 4 OUT could not be written.\n";

struct fetch_to {
	FILE *file;
	bool disk_full;
	CURL *curl;
	char said[512]; /* the beginning of a refusal */
	size_t said_n;
};

static size_t
on_bytes(char *p, size_t one, size_t n, void *ctx)
{
	struct fetch_to *to = ctx;
	long status = 0;

	curl_easy_getinfo(to->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		size_t room = sizeof to->said - 1 - to->said_n;
		size_t k = n < room ? n : room;

		memcpy(to->said + to->said_n, p, k);
		to->said_n += k;
		return n;
	}
	to->disk_full = fwrite(p, 1, n, to->file) != n;
	return to->disk_full ? 0 : n;
}

static void
print_refusal(long status, struct fetch_to *to)
{
	for (size_t i = 0; i < to->said_n; i++)
		if (to->said[i] < ' ' || to->said[i] > '~')
			to->said[i] = ' ';
	fprintf(stderr, "eectl backup: refused: %ld %s\n", status, to->said);
}

static void
set_options(CURL *c, const char *url, struct curl_slist *fields, struct fetch_to *to)
{
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, to);
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, 20L);
	/* A copy takes as long as it takes; silence does not. */
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
}

static int
fetch(const char *url, const char *token, FILE *file)
{
	char field[EECTL_TOKEN_MAX + 64];
	struct curl_slist *fields = NULL;
	struct fetch_to to = {.file = file, .curl = curl_easy_init()};
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	long status = 0;

	(void)snprintf(field, sizeof field, "Authorization: Bearer %s", token);
	if (token[0])
		fields = curl_slist_append(fields, field);
	if (to.curl && (fields || !token[0])) {
		set_options(to.curl, url, fields, &to);
		rc = curl_easy_perform(to.curl);
		curl_easy_getinfo(to.curl, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_slist_free_all(fields);
	curl_easy_cleanup(to.curl);
	if (to.disk_full) {
		fprintf(stderr, "eectl backup: cannot write: %s\n", strerror(errno));
		return EXIT_UNWRITABLE;
	}
	if (rc != CURLE_OK) {
		fprintf(stderr, "eectl backup: %s: %s\n", url, curl_easy_strerror(rc));
		return EXIT_REFUSED;
	}
	if (status == 200)
		return 0;
	print_refusal(status, &to);
	return EXIT_REFUSED;
}

static int
check(const char *path)
{
	char text[AUDIT_HEAD_MAX];
	struct audit_chain head;
	struct err e = {0};

	if (!eectl_audit_check(path, &head, &e)) {
		fprintf(stderr, "eectl backup: %s\n", e.detail);
		return EXIT_NOT_WHOLE;
	}
	printf("whole: %llu rows\nhead: %s\n", (unsigned long long)head.seq,
	    audit_head_write(&head, text));
	return 0;
}

static int
cannot_write(const char *path)
{
	fprintf(stderr, "eectl backup: %s: %s\n", path, strerror(errno));
	return EXIT_UNWRITABLE;
}

/* Under a name of its own until it is whole; link() replaces nothing. */
static int
backup(const char *url, const char *out, const char *token)
{
	char tmp[4096];
	int fd, rc, n = snprintf(tmp, sizeof tmp, "%s.part", out);
	FILE *f;

	if (n < 0 || (size_t)n >= sizeof tmp) {
		errno = ENAMETOOLONG;
		return cannot_write(out);
	}
	if (access(out, F_OK) == 0) {
		errno = EEXIST;
		return cannot_write(out);
	}
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "wb");
	if (!f)
		return cannot_write(tmp);
	rc = fetch(url, token, f);
	if (rc == 0 && (fflush(f) != 0 || fsync(fd) != 0))
		rc = cannot_write(tmp);
	if (fclose(f) != 0 && rc == 0)
		rc = cannot_write(tmp);
	if (rc == 0)
		rc = check(tmp);
	if (rc == 0 && link(tmp, out) != 0)
		rc = cannot_write(out);
	unlink(tmp);
	return rc;
}

int
cmd_backup(int argc, char **argv)
{
	char url[EECTL_URL_MAX], token[EECTL_TOKEN_MAX + 2];
	int rc;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_backup, stdout);
		return 0;
	}
	if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-' || argv[2][0] == '\0') {
		fputs(usage_backup, stderr);
		return EECTL_USAGE;
	}
	if (!eectl_admin_url("backup", argv[1], "/v1/backup", url)
	    || !eectl_admin_token("backup", token))
		return EECTL_USAGE;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	rc = backup(url, argv[2], token);
	curl_global_cleanup();
	return rc;
}
