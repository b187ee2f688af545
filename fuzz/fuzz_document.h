/* fuzz_document.h - bytes as a signed document, past the signature that would stop them: as the
 * object itself, or as the service's answer body around it. */
#ifndef FUZZ_DOCUMENT_H
#define FUZZ_DOCUMENT_H

#include "dcap/document.h"

static inline bool
load_document(struct document *d, const struct document_kind *kind, struct span text)
{
	static const char zeros[] =
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000000000000000000000000000000000000000000000000000000000";
	struct err e = {0};

	return document_load(d, kind, text, span_of(NULL, 0), &e)
	       || document_load(d, kind, text, span_str(zeros), &e);
}

#endif
