/* audit.h - the audit trail's writer: what stands in a row, and the rows about this process (start,
 * stop, policy). And its readers over HTTP: a page of rows (audit.c), rows as they come
 * (events.c), the whole registry (backup.c). Rows are put in their chain by the store. */
#ifndef CONTROL_AUDIT_H
#define CONTROL_AUDIT_H

#include "control/control.h"

/* What a row says. NULL members are empty. */
struct audit_note {
	const char *event;
	const struct attest_identity *id;
	const char *app_name; /* where there is no id */
	const char *verdict, *reason, *detail;
	const uint8_t *quote_sha256, *allowlist_sha256;
};

void audit_fill(const struct control *c, struct audit_row *row, const struct audit_note *n);

/* Append a row; a failure is logged. Nothing once the registry is closed. */
void audit_add(struct control *c, const struct audit_note *n);

/* How many refusals had no row of their own, if any, since this was last told. */
void audit_untold(struct control *c);

/* That an admitted tunnel's lease is over. */
void audit_lease_end(struct control *c, const struct attest_identity *id, const struct err *why);

/* That an admin did something, and from which address. */
void audit_fill_act(const struct control *c, struct audit_row *row, const char *event,
    const char *app_name, struct http_req *r);
void audit_add_act(struct control *c, const char *event, const char *app_name, struct http_req *r);

/* Tell of the start, and of the policy where it is another than the trail's last. */
MUST_CHECK bool audit_begin(struct control *c, struct err *e);

/* Tell of the policy, where it is another than the last that was told. */
void audit_policy(struct control *c);

/* Tell of the stop: every lease ends with it. */
void audit_end(struct control *c);

/* GET /v1/audit */
void audit_list(struct control *c, struct http_req *r);

/* GET /v1/events */
void events_open(struct control *c, struct http_req *r);

/* The store has finished something: hand on what is new. */
void events_look(struct control *c);

/* End every stream of events. */
void events_end(struct control *c);

/* POST /v1/backup */
void backup_start(struct control *c, struct http_req *r);

/* Read a number in decimal digits. False where it is none. */
MUST_CHECK bool audit_read_number(struct span text, uint64_t *v);

#endif
