/* SPDX-License-Identifier: BSD-2-Clause
 *
 * gate_host.c - a program that is nothing but a gate, an ear and listeners behind them, for gate.sh:
 *
 *	gate_host none|filtered|closed FIFO ADDRESS:PORT...
 *
 * drops all capabilities once it listens, says "ready" (and whether it hears SYNs), and does what lines in FIFO say, each
 * answered by "done":
 *
 *	admit PLACE ADDRESS MILLISECONDS
 *	shut PLACE
 *	keep		what a supervisor keeps stays open in another process, even if this one is killed
 *	end
 *
 * It says "knock CARRIER SOURCE BYTE" (the first of the knock; "elsewhere ..." if it was for another port) and "accepted SOURCE", and holds what it has accepted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <restunnel/module.h>

#include "addr.h"
#include "hostctx.h"
#include "loop.h"
#include "process.h"

#include "../../modules/transport_noise/ear.h"
#include "../../modules/transport_noise/gate.h"

#define STREAMS 256

static struct {
	struct host_ctx hc;
	struct rtun_host table;
	struct gate *gate;
	struct ear *ear;
	struct rtun_endpoint endpoints[GATE_SOCKETS];
	struct rtun_listener *listeners[GATE_SOCKETS];
	struct rtun_stream *streams[STREAMS];
	struct rtun_watch *commands;
	uint32_t endpoint_count, stream_count, bound_count;
	int fifo, bound[GATE_SOCKETS];
	char line[256], why[GATE_WHY];
	size_t length;
} host;

_Noreturn static void die(const char *what, const char *why)
{
	printf("failed: %s: %s\n", what, why);
	exit(1);
}

static void on_log(struct rtun_ctx *ctx, uint32_t level, const char *fmt, va_list ap)
{
	(void)ctx, (void)level;
	vprintf(fmt, ap);
	putchar('\n');
}

static void on_accept(void *arg, struct rtun_stream **s, const struct rtun_addr *peer)
{
	char text[ADDR_TEXT];
	(void)arg;
	printf("accepted %s\n", addr_text(peer, text));
	if (host.stream_count < STREAMS) {
		host.streams[host.stream_count++] = *s;
		*s = NULL;
	}
}

/* The same is spent on what is for other ports: ear.h */
static void on_knock(void *arg, const struct ear_packet *p)
{
	char text[ADDR_TEXT];
	(void)arg;
	printf("%s %s %s %u\n", p->here ? "knock" : "elsewhere", p->carrier == EAR_UDP ? "udp" : "syn", addr_text(&p->source, text), p->knock[0]);
}

/* Like systemd with FDSTORE=1: copies of what was bound, and nothing else. */
static void keep(void)
{
	int kept[2 * GATE_SOCKETS], count = 0;
	for (uint32_t i = 0; i < host.endpoint_count; i++) {
		kept[count++] = host.bound[i];
		kept[count++] = ear_bound(host.ear, i);
	}
	if (fork() != 0)
		return;
	for (int fd = 0; fd < 1024; fd++) {
		bool ours = false;
		for (int i = 0; i < count; i++)
			ours = ours || kept[i] == fd;
		if (!ours)
			close(fd);
	}
	for (;;)
		pause();
}

static void command(char *line)
{
	char address[64];
	unsigned place;
	unsigned long ms;
	struct rtun_addr source;
	if (sscanf(line, "admit %u %63s %lu", &place, address, &ms) == 3 && addr_parse_ip(address, &source))
		gate_admit(host.gate, place, &source, ms * RTUN_MS);
	else if (sscanf(line, "shut %u", &place) == 1)
		gate_shut(host.gate, place);
	else if (strcmp(line, "keep") == 0)
		keep();
	else if (strcmp(line, "end") == 0)
		loop_stop(host.hc.loop);
	else
		die("a command", line);
	puts("done");
}

static void on_command(void *arg, int fd, uint32_t events)
{
	char *end;
	ssize_t n = read(fd, host.line + host.length, sizeof(host.line) - 1 - host.length);
	(void)arg, (void)events;
	if (n <= 0)
		return;
	host.length += (size_t)n;
	host.line[host.length] = 0;
	while ((end = strchr(host.line, '\n'))) {
		*end++ = 0;
		command(host.line);
		host.length = strlen(end);
		memmove(host.line, end, host.length + 1);
	}
}

static int before_listen(void *arg, int fd)
{
	(void)arg;
	host.bound[host.bound_count++] = dup(fd);
	return gate_guard(host.gate, fd, host.why);
}

static void listen_all(void)
{
	for (uint32_t i = 0; i < host.endpoint_count; i++) {
		struct rtun_listen_req req = {
			.size = sizeof(req), .endpoint = &host.endpoints[i], .accept = on_accept, .before_listen = before_listen};
		if (rtun_listen(&host.hc.ctx, &req, &host.listeners[i]) < 0)
			die(host.endpoints[i].text, host.why);
	}
}

static void start(enum gate_mode mode)
{
	const struct rtun_list endpoints = {host.endpoints, host.endpoint_count, sizeof(host.endpoints[0])};
	const struct ear_setup setup = {.ctx = &host.hc.ctx, .endpoints = &endpoints, .raw = mode == GATE_CLOSED, .cb = on_knock};
	if (gate_create(&host.hc.ctx, mode, &host.gate, host.why) < 0)
		die("gate", host.why);
	if (ear_create(&setup, &host.ear, host.why) < 0)
		die("ear", host.why);
	listen_all();
	if (process_drop_privileges() < 0 || rtun_watch(&host.hc.ctx, host.fifo, RTUN_READ, on_command, NULL, &host.commands) < 0)
		die("start", "no way");
	ear_start(host.ear);
	printf("ready %s\n", ear_hears_syn(host.ear) ? "syn" : "no-syn");
}

static void stop(void)
{
	for (uint32_t i = 0; i < host.stream_count; i++)
		rtun_close(&host.streams[i]);
	for (uint32_t i = 0; i < host.endpoint_count; i++) {
		rtun_unlisten(&host.listeners[i]);
		close(host.bound[i]);
	}
	rtun_unwatch(&host.commands);
	gate_destroy(&host.gate);
	ear_destroy(&host.ear);
	loop_turn(host.hc.loop);
	loop_destroy(&host.hc.loop);
	close(host.fifo);
}

int main(int argc, char **argv)
{
	static const char *const modes[] = {[GATE_NONE] = "none", [GATE_FILTERED] = "filtered", [GATE_CLOSED] = "closed"};
	enum gate_mode mode = GATE_NONE;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4 || argc - 3 > GATE_SOCKETS)
		die("usage", "gate_host none|filtered|closed FIFO ADDRESS:PORT...");
	while (strcmp(argv[1], modes[mode]) != 0)
		if (mode++ == GATE_CLOSED)
			die("no such mode", argv[1]);
	host.fifo = open(argv[2], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (host.fifo < 0 || loop_create(&host.hc.loop) < 0)
		die("start", argv[2]);
	for (int i = 3; i < argc; i++) {
		host.endpoints[host.endpoint_count].text = argv[i];
		if (!addr_parse(argv[i], &host.endpoints[host.endpoint_count++].addr))
			die("not an address", argv[i]);
	}
	host.table = host_table;
	host.table.log = on_log;
	host.hc.ctx = (struct rtun_ctx){.host = &host.table, .instance = "gate_host"};
	start(mode);
	loop_run(host.hc.loop);
	stop();
	return 0;
}
