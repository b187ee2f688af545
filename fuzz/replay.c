/* replay.c - runs a fuzz target over every file of a folder, and over each file's every prefix,
 * so that a target cannot rot and what fuzzing once found stays found. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PREFIXES 4096 /* longer inputs are cut at this many places, evenly */

/* Run one input and its prefixes from memory of exactly their size, so that a sanitizer sees a
 * read past the end. */
static void
run(const uint8_t *data, size_t n)
{
	size_t step = n / PREFIXES + 1;

	for (size_t k = 0; k <= n; k = k < n && k + step > n ? n : k + step) {
		uint8_t *copy = malloc(k ? k : 1);

		if (copy == NULL)
			abort();
		memcpy(copy, data, k);
		LLVMFuzzerTestOneInput(copy, k);
		free(copy);
		if (k == n)
			break;
	}
}

static size_t
run_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");

	if (f == NULL)
		return 0;
	size_t n = fread(data, 1, sizeof data, f);
	fclose(f);
	run(data, n);
	return 1;
}

int
main(int argc, char **argv)
{
	size_t files = 0;
	DIR *d = argc == 2 ? opendir(argv[1]) : NULL;

	if (d == NULL) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 1;
	}
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
		char path[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
		files += run_file(path);
	}
	closedir(d);
	printf("%zu inputs\n", files);
	return files > 0 ? 0 : 1;
}
