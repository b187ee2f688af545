/* tsm.h - quotes from the kernel's configfs-tsm (Linux 6.7 and later; Documentation/ABI/testing/
 * configfs-tsm): one directory a report, made and removed around each quote, so that no other
 * process shares it. tsm_quote blocks while the hypervisor's quoting service works, up to
 * seconds; tsm_provider runs it on the worker pool. */
#ifndef AGENT_TSM_H
#define AGENT_TSM_H

#include "agent/provider.h"
#include "base/buf.h"

struct net_loop;

#define TSM_BASE "/sys/kernel/config/tsm/report"

/* The four things that are asked of the file system; tests put a tree of their own behind them.
 * Each gives 0 or an errno. */
struct tsm_fs {
	int (*make_dir)(const char *path, void *ctx);
	int (*remove_dir)(const char *path, void *ctx);
	int (*write_file)(const char *path, struct span bytes, void *ctx);
	/* Append the whole content. */
	int (*read_file)(const char *path, struct buf *out, void *ctx);
	void *ctx;
};

/* The real file system. */
extern const struct tsm_fs tsm_real_fs;

/* Make one quote under `base`, by the report directory `name`, appending it to out. Refuses a
 * provider that is not tdx_guest, and a report that another writer touched in between. */
MUST_CHECK bool tsm_quote(const struct tsm_fs *fs, const char *base, const char *name,
    const uint8_t report_data[static PROVIDER_REPORT_DATA], struct buf *out, struct err *e);

/* Make a provider. `base` NULL: TSM_BASE. `number` tells apart those of one process, which may work
 * at once. NULL, and e set, without memory. */
MUST_CHECK struct provider *tsm_provider(
    struct net_loop *l, const char *base, unsigned number, struct err *e);

#endif
