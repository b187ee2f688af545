/* test_folder.h - for tests: do away with a folder of files. */
#ifndef OS_TEST_FOLDER_H
#define OS_TEST_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

/* Remove the files in it, but those that begin with a dot, and then the folder itself. */
static inline void
wipe_folder(const char *dir)
{
	char path[600];
	DIR *d = opendir(dir);
	struct dirent *f;

	while (d && (f = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
		if (f->d_name[0] != '.')
			unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

#endif
