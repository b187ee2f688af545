/* api.h - the HTTP API: finds the row of routes.h for a request, asks admin.h whether the caller
 * may, and answers. Owns nothing; a request that waits for something owns its own call. */
#ifndef CONTROL_API_H
#define CONTROL_API_H

#include "control/control.h"
#include "control/routes.h"

/* An http_server's on_request; ctx is the struct control. */
void api_on_request(struct http_server *s, struct http_req *r, void *ctx);
void api_on_refused(struct http_server *s, const char *peer, const struct err *why, void *ctx);

/* -- for the handlers of this folder -- */

/* The fields that every answer has; returns how many. */
#define API_SECURITY 4
size_t api_security(struct http_field f[static API_SECURITY]);

/* Answer with a body and the security fields. */
void api_answer(struct http_req *r, int status, const char *type, const struct buf *body);

/* Answer a refusal: problem+json, with Allow or a challenge for credentials where they belong. */
void api_refuse(struct http_req *r, const struct err *e, const char *allow, const char *challenge);

/* Answer a refusal of resolve and proxy: {"allowed":false,...} with Proxy-Status. */
void api_refuse_proxy(struct http_req *r, const struct err *e);

/* Value of a query member, percent-decoded; false where there is none, or it does not fit. */
MUST_CHECK bool api_query(struct http_req *r, const char *name, char *dst, size_t size);

/* Say whether there is such a member, whatever its value. */
bool api_query_has(struct http_req *r, const char *name);

/* ready.c */
void ready_answer(struct control *c, struct http_req *r);

/* metrics.c */
void metrics_answer(struct control *c, struct http_req *r);

/* apps.c */
void apps_list(struct control *c, struct http_req *r);
void apps_get(struct control *c, struct http_req *r, struct span app);
void apps_delete(struct control *c, struct http_req *r, struct span app);
void apps_attest(struct control *c, struct http_req *r, struct span app);
/* Say whether the name is being freed: nobody's row may be written behind that. */
bool apps_is_going(const struct control *c, const char *name);

/* bans.c */
void bans_list(struct control *c, struct http_req *r);
void apps_ban(struct control *c, struct http_req *r, struct span app);
void apps_unban(struct control *c, struct http_req *r, struct span app);

/* pins.c */
void pins_accept(struct control *c, struct http_req *r);

/* proxy_json.c */
void proxy_json(struct control *c, struct http_req *r, struct span app);

#endif
