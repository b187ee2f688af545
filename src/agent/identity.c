#include "agent/identity.h"

#include <stdio.h>

#include "base/hex.h"
#include "os/file.h"

#define FILE_NAME "agent_id"

void
identity_uuid(const uint8_t random[static 16], char dst[static IDENTITY_UUID_SIZE])
{
	static const uint8_t groups[] = {4, 2, 2, 2, 6};
	uint8_t u[16];
	size_t at = 0, from = 0;

	memcpy(u, random, sizeof u);
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40); /* version 4 */
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80); /* the variant of RFC 9562 */
	for (size_t g = 0; g < sizeof groups; g++) {
		if (g > 0)
			dst[at++] = '-';
		hex_encode(span_of(&u[from], groups[g]), &dst[at]);
		at += 2u * groups[g];
		from += groups[g];
	}
}

static MUST_CHECK bool
read_id(const char *path, char id[static IDENTITY_ID_SIZE], struct err *e)
{
	struct buf text;
	struct span s;
	bool ok;

	buf_init(&text, 256);
	ok = file_read(path, 256, &text, e);
	s = buf_span(&text);
	if (s.n && s.p[s.n - 1] == '\n')
		s.n--;
	if (ok && !(attest_agent_id_ok(s) && span_cstr(s, id, IDENTITY_ID_SIZE)))
		ok = err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "%.100s holds no agent id; remove it to get a new one", path);
	buf_fini(&text);
	return ok;
}

bool
identity_load(const char *dir, const uint8_t random[static 16], char id[static IDENTITY_ID_SIZE],
    struct err *e)
{
	char path[4200], line[IDENTITY_UUID_SIZE + 1];
	struct err why = {0};
	int n = snprintf(path, sizeof path, "%s/" FILE_NAME, dir);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "path too long: %.100s", dir);
	if (read_id(path, id, &why))
		return true;
	if (why.code != ERR_NOTFOUND) {
		*e = e->code == ERR_NONE ? why : *e;
		return false;
	}
	identity_uuid(random, line);
	memcpy(id, line, IDENTITY_UUID_SIZE);
	line[IDENTITY_UUID_SIZE - 1] = '\n';
	return file_write(path, span_of(line, IDENTITY_UUID_SIZE), 0600, e);
}
