#include "wire/prom.h"

#include <stdarg.h>

static const uint32_t bounds_ms[PROM_BUCKETS] = {
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000};
static const char *const bounds_s[PROM_BUCKETS + 1] = {"0.001", "0.002", "0.005", "0.01", "0.025",
    "0.05", "0.1", "0.25", "0.5", "1", "2.5", "10", "+Inf"};

void
prom_family(struct buf *out, const char *name, enum prom_type type, const char *help)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};

	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void
write_value(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			buf_add_str(out, "\\n");
		else if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else
			buf_add_u8(out, (uint8_t)*text);
	}
}

void
prom_sample(struct buf *out, const char *name, int64_t v, ...)
{
	const char *label;
	char next = '{';
	va_list ap;

	buf_add_str(out, name);
	va_start(ap, v);
	while ((label = va_arg(ap, const char *)) != NULL) {
		buf_printf(out, "%c%s=\"", next, label);
		write_value(out, va_arg(ap, const char *));
		buf_add_u8(out, '"');
		next = ',';
	}
	va_end(ap);
	buf_printf(out, "%s %lld\n", next == ',' ? "}" : "", (long long)v);
}

void
prom_times_add(struct prom_times *t, uint64_t ms)
{
	size_t i = 0;

	while (i < PROM_BUCKETS && ms > bounds_ms[i])
		i++;
	t->in[i]++;
	t->sum_ms += ms;
}

void
prom_histogram(struct buf *out, const char *name, const struct prom_times *t, const char *help)
{
	uint64_t count = 0;

	prom_family(out, name, PROM_HISTOGRAM, help);
	for (size_t i = 0; i <= PROM_BUCKETS; i++) {
		count += t->in[i];
		buf_printf(out, "%s_bucket{le=\"%s\"} %llu\n", name, bounds_s[i],
		    (unsigned long long)count);
	}
	buf_printf(out, "%s_sum %llu.%03llu\n%s_count %llu\n", name,
	    (unsigned long long)(t->sum_ms / 1000), (unsigned long long)(t->sum_ms % 1000), name,
	    (unsigned long long)count);
}
