/* certificate.h - the certificate that is served, as it ages: agents and visitors refuse it from its
 * last second on, and nothing else here would say so before. */
#ifndef CONTROL_CERTIFICATE_H
#define CONTROL_CERTIFICATE_H

#include "control/control.h"

/* Say whether it ends within two weeks, or has ended. */
bool certificate_is_aging(const struct control *c);

/* Tell the log of that, once a day. */
void certificate_look(struct control *c);

#endif
