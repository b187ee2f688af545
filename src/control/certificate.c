#include "control/certificate.h"

#include "base/rfc3339.h"

#define DAY_S     86400
#define WARN_DAYS 14

bool
certificate_is_aging(const struct control *c)
{
	return c->tls && tls_ctx_expiry(c->tls) - env_now_s(c->env) < (int64_t)WARN_DAYS * DAY_S;
}

void
certificate_look(struct control *c)
{
	int64_t now = env_now_s(c->env);
	char text[RFC3339_SIZE];

	if (!certificate_is_aging(c) || now - c->certificate_told_s < DAY_S)
		return;
	c->certificate_told_s = now;
	log_event(&c->env->log, LOG_WARN, "certificate_aging", "file", c->set->tls_cert, "expires",
	    rfc3339_write(tls_ctx_expiry(c->tls), text), NULL);
}
