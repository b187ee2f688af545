/* file.h - small files, whole. Blocks: for start-up and tools, not for a running loop. */
#ifndef OS_FILE_H
#define OS_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Append a file's bytes to out; a file of more than max bytes is refused. Refusal: FILE_UNREADABLE
 * (ERR_NOTFOUND where there is none, ERR_LIMIT where it is too large, else ERR_IO). */
MUST_CHECK bool file_read(const char *path, size_t max, struct buf *out, struct err *e);

/* Replace a file in one step, mode as given, on disk when it returns: whoever reads it finds the
 * old bytes or the new ones. Refusal: FILE_UNWRITABLE. */
MUST_CHECK bool file_write(const char *path, struct span bytes, unsigned mode, struct err *e);

#endif
