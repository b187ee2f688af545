/* session_table.c - prints the session's table and rules, as they run, as the part of the Promela
 * model that says where an event leads (session.pml says what actions do and what may happen). */
#include <stdio.h>

#include "core/session.h"

static void
print_names(void)
{
	for (int i = 0; i < SESSION_STATE_COUNT; i++)
		printf("#define S_%s %d\n", session_state_name((enum session_state)i), i);
	for (int i = 0; i < SESSION_EVENTS_ALL; i++)
		printf("#define E_%s %d\n", session_event_name((enum session_event)i), i);
	printf("#define E_any(ev) ((ev) != E_gone)\n\n");
}

static void
print_rules(void)
{
	struct session_rule_view r;

	printf("/* The first rule that holds renames the event. */\ninline judge()\n{\n\tif\n");
	for (size_t i = 0; session_rule(i, &r); i++) {
		if (r.on == SESSION_EVENTS_ALL)
			printf("\t:: E_any(ev)");
		else
			printf("\t:: ev == E_%s", session_event_name(r.on));
		printf(" && P_%s -> ev = E_%s\n\t:: else -> if\n", r.when,
		    session_event_name(r.becomes));
	}
	printf("\t:: true");
	for (size_t i = 0; session_rule(i, &r); i++)
		printf(" fi");
	printf("\n\tfi\n}\n\n");
}

static void
print_rows(void)
{
	struct session_row_view r;

	printf("#define IS_FAULT (false");
	for (size_t i = 0; session_row(i, &r); i++)
		if (r.fault)
			printf(" \\\n\t|| st == S_%s && ev == E_%s", session_state_name(r.from),
			    session_event_name(r.on));
	printf(")\n\n/* The one mover. */\ninline move()\n{\n\tif\n");
	for (size_t i = 0; session_row(i, &r); i++)
		printf("\t:: st == S_%s && ev == E_%s -> A_%s(); st = S_%s\n",
		    session_state_name(r.from), session_event_name(r.on), r.action,
		    session_state_name(r.to));
	printf("\t:: else -> absent = true\n\tfi\n}\n");
}

int
main(void)
{
	printf("#ifdef SESSION_NAMES\n");
	print_names();
	printf("#else\n");
	print_rules();
	print_rows();
	printf("#endif\n");
	return 0;
}
