/* evidence.h - the public proof of what this control plane found: the last verification of each
 * replica as it stands in the registry (evidence.c), and one that is made now, for a nonce of the
 * visitor's (fresh.c). Judges nothing itself (attest.h). */
#ifndef CONTROL_EVIDENCE_H
#define CONTROL_EVIDENCE_H

#include "control/control.h"
#include "core/evidence.h"
#include "wire/message.h"

struct tunnel;

/* GET /v1/evidence/{app_name} */
void evidence_get(struct control *c, struct http_req *r, struct span app);

/* A replica is gone: so is its evidence, unless a later tunnel of its agent has put another. */
void evidence_forget(struct control *c, const struct attest_identity *id, uint64_t session);

/* Answer with a document. next: the agent_id behind which others follow, or NULL. */
void evidence_answer(struct control *c, struct http_req *r, const char *app_name,
    const struct evidence_row *rows, size_t n, const char *next);

/* POST /v1/evidence/{app_name} */
void fresh_ask(struct control *c, struct http_req *r, struct span app);

/* An evidence_response came; `text` is the whole message. */
void fresh_on_response(struct tunnel *t, const struct msg *m, struct span text);

/* The tunnel serves no more: whoever asks is told so. */
void fresh_drop(struct tunnel *t);

#endif
