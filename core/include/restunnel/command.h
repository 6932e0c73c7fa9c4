/* SPDX-License-Identifier: BSD-2-Clause
 *
 * restunnel/command.h - a module's admin verbs and metrics, and the value trees they answer with.
 *
 * The command line (`restunnel VERB ... [--on INSTANCE]`), the control socket and the dashboard's API call the same
 * verbs; nothing is implemented twice.
 */
#ifndef RESTUNNEL_COMMAND_H
#define RESTUNNEL_COMMAND_H

#include "abi.h"
#include "schema.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RTUN_CMD_READONLY 1U /* no effect: GET in the API */
#define RTUN_CMD_OFFLINE 2U  /* works without a running daemon: called after `setup`, before `prepare` */
#define RTUN_CMD_CONFIRM 4U  /* destroys something: a page asks first */
#define RTUN_CMD_LIVE 8U     /* read-only, no argument, cheap, answered at once: shown as it changes, if it has view_items */

/* Flags of an argument's row (RTUN_T_... types as in a schema), beside RTUN_REQUIRED and RTUN_SECRET */
#define RTUN_POSITIONAL 256U /* VERB VALUE, in the rows' order; else --key VALUE */
#define RTUN_STDIN 512U      /* when missing, the command line reads one line of standard input */
#define RTUN_REST 1024U      /* RTUN_T_NAMES/TEXTS, positional, last: all that remain */

/* How the command line shows a column or field of the answer to people. In the order of the rows; a field of the
 * answer without a row is only in --json. */
#define RTUN_V_TEXT 1
#define RTUN_V_BYTES 2    /* a number of bytes */
#define RTUN_V_TIME 3     /* RFC 3339, shown relative to now */
#define RTUN_V_ONLINE 4   /* a boolean: online/away */
#define RTUN_V_MS 5       /* milliseconds */
#define RTUN_V_LIST 6     /* texts joined by commas */
#define RTUN_V_QR 7       /* a text, also shown as a QR code on a terminal; gives the verb --qr and --png */
#define RTUN_V_COMMAND 8  /* a line to paste, on a line of its own */
#define RTUN_V_SENTENCE 9 /* shown as it is, without its label */
struct rtun_view {
	const char *field;
	const char *label;
	uint32_t type, flags;
};

/* Answers one call. `args` points to the struct that the argument rows describe, good until the reply is given. Give
 * exactly one reply, now or later from the loop: rtun_reply_ok(), or rtun_reply_fail() with a stable lower-case
 * code, a sentence and, where there is one, a remedy (else NULL). */
typedef void rtun_command_fn(struct rtun_ctx *ctx, const void *args, struct rtun_reply *reply);

struct rtun_command {
	const char *name; /* the verb: a-z, 0-9, - and _, at most 64; else the module is refused */
	const char *doc;  /* one sentence */
	const char *example; /* "restunnel pair --name home": for --help */
	const struct rtun_schema *args; /* NULL: none */
	rtun_command_fn *run;
	struct rtun_list view;  /* of struct rtun_view */
	const char *view_items; /* the field that holds the list to show as a table; NULL: the answer itself is shown */
	const char *empty;      /* said when that list is empty */
	/* On a terminal the command line goes on listening for this event after the answer and shows its `follow_text`
	 * ("{name} has arrived"), when the event's field `follow_key` equals the answer's; NULL: no. */
	const char *follow, *follow_key, *follow_text;
	uint32_t flags, reserved;
	/* "role=hub": only instances whose option has that value have the verb; NULL: all. Where none has it, it can still be called,
	 * to say so in its own words. */
	const char *when;
	/* With `follow`: the event after which it can't come any more, when its `follow_key` equals the answer's (NULL: any): the waiting
	 * ends with status 1 and `follow_end_text`, which may have {fields} of this event, or its name. It also ends at the answer's
	 * `expires_at`. NULL: there is none. */
	const char *follow_end, *follow_end_text;
};

/* One thing that `restunnel doctor` looked at, for the module's part of it (rtun_module.doctor): rtun_append_check(). */
#define RTUN_NO 0      /* a finding */
#define RTUN_YES 1     /* as it should be */
#define RTUN_UNKNOWN 2 /* could not tell */
struct rtun_check {
	const char *code;     /* stable, lower case: "knock-heard" */
	const char *question; /* one to which yes is the good answer: "Was the last knock heard?" */
	const char *text;     /* a sentence: what was seen. It may end up in a bug report: no keys, no tokens */
	const char *remedy;   /* what to do about it, or NULL */
	uint32_t answer;      /* RTUN_NO, RTUN_YES, RTUN_UNKNOWN */
};

/* Values: JSON-like trees. A container owns what is put into it: a value given to rtun_set() or rtun_append() must not
 * be used again, even when the call fails (the failure is remembered and makes the reply an error). Both give 0; -RTUN_EINVAL: what is put
 * into is no object, or no array, there is no key, or more than 64 are in each other; -RTUN_ENOMEM. A key is set once in an object: nobody
 * looks whether it is there already; `schema` of an answer is the core's. Texts and keys are UTF-8; a byte that is none becomes U+FFFD. NULL
 * as text gives null. What is given to nobody is freed by rtun_value_free(). */

/* Calling the verbs of others, as the command line does over the control socket: rtun_call(). For those who offer all of
 * them by another way. The core's own verbs are among them: `commands` describes all verbs, with what is needed to render
 * their arguments and answers; `status`; `metrics` gives the text that Prometheus reads. */
struct rtun_answer {
	uint32_t size;
	uint32_t reserved;
	const char *json; /* the answer as --json prints it; NULL: it failed, and the next three say why */
	uint64_t json_len;
	const char *code, *text, *remedy; /* stable word, sentence, what to do (NULL: nothing is known) */
};
/* From the loop, once; all is good during the call. In it the op is dead already. */
typedef void rtun_answer_cb(void *arg, const struct rtun_answer *answer);
struct rtun_call_req {
	uint32_t size;
	uint32_t flags;
	const char *verb;
	const char *on;    /* which instance, where several have the verb; NULL: the only one */
	const char *args;  /* a JSON object; NULL: none */
	uint64_t args_len;
	rtun_answer_cb *cb;
	void *arg;
};

/* Metrics: rendered by whoever exports, who knows no module. `name` starts with restunnel_. `collect` calls
 * rtun_metric(sink, value, label values...) once for each combination of labels, [loop]. */
struct rtun_metric_sink;
#define RTUN_M_COUNTER 1
#define RTUN_M_GAUGE 2
struct rtun_metric {
	const char *name, *help;
	const char *labels; /* "exit,direction", or NULL */
	void (*collect)(struct rtun_ctx *ctx, const struct rtun_metric *metric, struct rtun_metric_sink *sink);
	uint32_t type, reserved;
};

#ifdef __cplusplus
}
#endif
#endif
