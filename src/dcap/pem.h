/* pem.h - finds PEM blocks (RFC 7468) and decodes them. Text around the blocks is skipped, white
 * space inside them ignored (caches fold and unfold lines), everything else is strict. */
#ifndef DCAP_PEM_H
#define DCAP_PEM_H

#include "base/buf.h"
#include "base/span.h"

enum pem_step { PEM_FOUND, PEM_END, PEM_BAD };

/* Decode the next block with that label ("CERTIFICATE"), appending its bytes to out, and move
 * *text behind it. PEM_END where no block is left; PEM_BAD also
 * where there is no memory: out->starved says so. */
enum pem_step pem_next(struct span *text, const char *label, struct buf *out);

/* Append `text` to out without spaces, tabs, CR and LF. */
void pem_squeeze(struct span text, struct buf *out);

#endif
