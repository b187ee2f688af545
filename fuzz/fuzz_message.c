/* Any bytes as a tunnel message of either side, its head and body read too. */
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	for (int from = MSG_FROM_AGENT; from <= MSG_FROM_CONTROL; from++) {
		struct err e = {0};
		struct fields f;
		struct buf body;
		struct msg m;

		if (!msg_parse(&m, span_of(p, n), (enum msg_from)from, &e))
			continue;
		fields_init(&f);
		buf_init(&body, 4096);
		if (m.type == MSG_PROXY_RESPONSE) {
			(void)!msg_headers(&m.doc, m.u.proxy_response.headers, &f);
			(void)!msg_body(m.u.proxy_response.body, &body);
		}
		buf_fini(&body);
		fields_fini(&f);
		msg_fini(&m);
	}
	return 0;
}
