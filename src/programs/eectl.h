/* eectl.h - the commands of eectl: one file a command, one row in the table in eectl.c. A command
 * gets its own name as argv[0], prints to stdout, complains on stderr and returns the exit code;
 * EECTL_USAGE for a wrong call. */
#ifndef PROGRAMS_EECTL_H
#define PROGRAMS_EECTL_H

/* What `eectl verify` documents for a wrong call. */
#define EECTL_USAGE 1

int cmd_allowlist(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_evidence(int argc, char **argv);
int cmd_collateral(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_quote(int argc, char **argv);
int cmd_tcb(int argc, char **argv);
int cmd_verify(int argc, char **argv);

/* What `eectl COMMAND --help` prints. */
extern const char usage_allowlist[], usage_audit[], usage_backup[], usage_collateral[],
    usage_evidence[], usage_explain[], usage_policy[], usage_quote[], usage_tcb[], usage_verify[];

#endif
