/* doc.h - TCB info and QE identity as text: the model that is written, and the edits by which the
 * text is bent afterwards. Writes only; borrows all that it points to. */
#ifndef MINT_DOC_H
#define MINT_DOC_H

#include "base/buf.h"

/* Status, date and advisories of any level. */
struct mint_judgement {
	const char *date, *status;
	const char *advisories; /* with commas between; "" writes an empty list, NULL none */
};

struct mint_level {
	uint8_t sgx[16], tdx[16];
	uint16_t pcesvn;
	struct mint_judgement is;
};

struct mint_isv_level {
	unsigned svn;
	struct mint_judgement is;
};

#define MINT_LEVELS 8

struct mint_isv_levels {
	struct mint_isv_level v[MINT_LEVELS];
	size_t n;
	bool ascending; /* published lowest first */
};

struct mint_module {
	const char *id; /* NULL in the unnamed one, `tdxModule` */
	uint8_t mrsigner[48], attributes[8], mask[8];
	struct mint_isv_levels levels;
};

/* The first `from` in the text becomes `to`. That there is none is an error of the writer's. */
struct mint_edit {
	const char *from, *to;
};
#define MINT_EDITS 3

struct mint_tcb_info {
	const char *id; /* NULL: absent */
	unsigned version; /* 2 writes components as flat members */
	int64_t issued_s, next_s;
	const char *fmspc, *pceid;
	unsigned number;
	struct mint_module module; /* `tdxModule`, where tdx */
	struct mint_module identity[2];
	size_t n_identities;
	bool tdx, no_identities;
	struct mint_level level[MINT_LEVELS];
	size_t n_levels;
	bool ascending;
	unsigned fillers; /* levels above all others, that no platform reaches */
	unsigned depth; /* an unknown member, of arrays so deep inside one another */
	unsigned advisories; /* so many more in the first level */
	struct mint_edit edit[MINT_EDITS];
};

struct mint_qe_identity {
	const char *id;
	int64_t issued_s, next_s;
	unsigned number, prodid;
	uint8_t miscselect[4], miscselect_mask[4], attributes[16], attributes_mask[16];
	uint8_t mrsigner[32];
	struct mint_isv_levels levels;
	struct mint_edit edit[MINT_EDITS];
};

/* Append the text, edits done. False where an edit found nothing to change. */
MUST_CHECK bool mint_tcb_info_write(const struct mint_tcb_info *t, struct buf *out);
MUST_CHECK bool mint_qe_identity_write(const struct mint_qe_identity *q, struct buf *out);

/* Do edits (those with a `from`) to a text. */
MUST_CHECK bool mint_edit_text(const struct mint_edit edit[static MINT_EDITS], struct buf *text);

#endif
