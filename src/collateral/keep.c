#include "collateral/collateral_impl.h"

#include "net/worker.h"

#include <stdio.h>
#include <stdlib.h>

#define SAVE_RETRY_MS 60000u

/* What a worker has of the folder. */
struct load_job {
	struct collateral_client *client; /* NULL: it comes home to nobody */
	struct disk_load disk;
};

struct save_job {
	struct collateral_client *client;
	char dir[4096];
	struct collateral_key key;
	struct collateral *col; /* a reference */
	struct buf marks;
	bool ok;
	struct err why;
};

void
keep_init(struct collateral_client *c, const char *dir, const uint8_t *root_key)
{
	disk_root_name(root_key, c->keeper.root);
	c->keeper.on = dir && span_cstr(span_str(dir), c->keeper.dir, sizeof c->keeper.dir);
}

/* -- loading -- */

/* What is held was seen later than the file, unless somebody has put a newer one there. */
static bool
is_newer(const struct eedcap_collateral *a, const struct collateral *held)
{
	bool newer = held == NULL;

	for (int i = 0; held && i < EEDCAP_ITEMS; i++) {
		struct eedcap_item_facts x, y;

		eedcap_collateral_item(a, (enum eedcap_item)i, &x);
		eedcap_collateral_item(held->handle, (enum eedcap_item)i, &y);
		if (x.issued < y.issued || x.evaluation_number < y.evaluation_number)
			return false;
		newer = newer || x.issued > y.issued || x.evaluation_number > y.evaluation_number;
	}
	return newer;
}

static void
take(struct collateral_client *c, struct disk_entry *f)
{
	char name[KEY_NAME_MAX];
	struct entry *en;
	uint64_t now = env_now_ms(c->env);

	if (f->handle == NULL) {
		c->count.load_refused++;
		log_failure(c->log, LOG_WARN, "collateral_file_refused", &f->why, "platform",
		    key_name(&f->key, name), NULL);
		return;
	}
	en = entry_get(c, &f->key);
	if (en == NULL || !is_newer(f->handle, en->col))
		return;
	(void)marks_raise(&c->marks, &f->key, f->handle, env_now_s(c->env));
	if (entry_hold(en, f->handle, &f->bundle)) {
		c->count.loaded++;
		en->used_ms = now;
		/* Not all at once after a restart. */
		if (!en->confirmed)
			en->due_ms = now
				     + renew_jitter(c, c->refresh_ms < 5000 ? c->refresh_ms : 5000);
	}
	f->handle = NULL;
}

/* Rows that were raised since are above those of the file. */
static void
take_marks(struct collateral_client *c, struct disk_load *d)
{
	if (d->marks_why.code != ERR_NONE)
		log_failure(c->log, LOG_WARN, "collateral_marks_refused", &d->marks_why, "hint",
		    "what was seen before is known from the bundles alone", NULL);
	if (c->marks.n == 0)
		c->marks = d->marks;
}

static void
work_load(void *job)
{
	disk_load_run(&((struct load_job *)job)->disk);
}

static void
done_load(void *job, bool ran)
{
	struct load_job *j = job;
	struct collateral_client *c = j->client;

	if (c) {
		c->keeper.load = NULL;
		c->keeper.loading = false;
		c->keeper.loaded = true;
		if (ran) {
			take_marks(c, &j->disk);
			/* The newest last, so that it is in front. */
			for (size_t i = j->disk.n; i > 0; i--)
				take(c, &j->disk.entry[i - 1]);
		}
		for (struct entry *en = c->entries; en; en = en->next)
			if (en->waits)
				entry_serve(en);
	}
	disk_load_fini(&j->disk);
	free(j);
	if (c && c->keeper.again) {
		c->keeper.again = false;
		keep_load(c);
	}
	if (c && !c->keeper.loading)
		renew_tick(c);
}

void
keep_load(struct collateral_client *c)
{
	struct load_job *j;
	struct err e = {0};

	if (!c->keeper.on)
		return;
	if (c->keeper.loading) {
		c->keeper.again = true;
		return;
	}
	j = calloc(1, sizeof *j);
	if (j == NULL)
		return;
	j->client = c;
	memcpy(j->disk.dir, c->keeper.dir, sizeof j->disk.dir);
	memcpy(j->disk.root, c->keeper.root, sizeof j->disk.root);
	j->disk.dcap = c->plan.dcap;
	j->disk.now_s = env_now_s(c->env);
	if (!worker_run(c->plan.loop, work_load, done_load, j, &e)) {
		free(j);
		return;
	}
	c->keeper.load = j;
	c->keeper.loading = true;
}

/* -- saving -- */

static void
work_save(void *job)
{
	struct save_job *j = job;

	j->ok = disk_save(j->dir, &j->key, buf_span(&j->col->bundle), buf_span(&j->marks), &j->why);
}

static void
save_job_free(struct save_job *j)
{
	collateral_unref(j->col);
	buf_fini(&j->marks);
	free(j);
}

/* Told once until it works again: the cache in memory goes on. */
static void
note_failure(struct collateral_client *c, struct save_job *j)
{
	struct entry *en = c->entries;

	while (en && !key_same(&en->key, &j->key))
		en = en->next;
	c->count.save_failed++;
	c->keeper.retry_ms = env_now_ms(c->env) + SAVE_RETRY_MS;
	if (en)
		en->unsaved = true;
	if (!c->keeper.broken)
		log_failure(c->log, LOG_WARN, "collateral_not_kept", &j->why, "hint",
		    "EE_COLLATERAL_DIR; a restart needs the collateral service", NULL);
	c->keeper.broken = true;
}

static void
done_save(void *job, bool ran)
{
	struct save_job *j = job;
	struct collateral_client *c = j->client;

	if (c) {
		c->keeper.save = NULL;
		if (!ran || !j->ok) {
			note_failure(c, j);
		} else {
			c->count.saved++;
			c->keeper.broken = false;
		}
	}
	save_job_free(j);
	if (c)
		keep_save(c);
}

void
keep_save(struct collateral_client *c)
{
	struct entry *en = c->entries;
	struct save_job *j;
	struct err e = {0};

	while (en && !(en->unsaved && en->col))
		en = en->next;
	/* Not before it was read: the marks of the folder would be lost. */
	if (!c->keeper.on || en == NULL || c->keeper.save || c->keeper.loading
	    || env_now_ms(c->env) < c->keeper.retry_ms)
		return;
	j = calloc(1, sizeof *j);
	if (j == NULL)
		return;
	j->client = c;
	j->key = en->key;
	j->col = collateral_ref(en->col);
	memcpy(j->dir, c->keeper.dir, sizeof j->dir);
	buf_init(&j->marks, MARKS_FILE_MAX);
	marks_write(&c->marks, c->keeper.root, &j->marks);
	if (!buf_ok(&j->marks) || !worker_run(c->plan.loop, work_save, done_save, j, &e)) {
		save_job_free(j);
		return;
	}
	en->unsaved = false;
	c->keeper.save = j;
}

void
keep_close(struct collateral_client *c)
{
	if (c->keeper.load)
		c->keeper.load->client = NULL;
	if (c->keeper.save)
		c->keeper.save->client = NULL;
}
