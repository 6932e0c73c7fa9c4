/* SPDX-License-Identifier: BSD-2-Clause
 *
 * users.c - the file of those who may log in; users.h says how it looks.
 */
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend.h"

#define FILE_MAX (1U << 20)
#define MISTAKES_MAX 10U /* more are not told */
/* What a hash may cost who checks it. */
#define HASH_KIB_MAX (256U * 1024U)
#define HASH_PASSES_MAX 16U

/* ---- One line ---- */

bool users_good_name(const char *name)
{
	size_t len = strlen(name);
	return len >= 1 && len < USERS_NAME_SIZE && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && !frontend_terms_of(name);
}

/* `len` of base64 without padding, then `end`. */
static bool is_base64(const char **p, size_t min, size_t max, char end)
{
	size_t len = strspn(*p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
	bool good = len >= min && len <= max && (*p)[len] == end;
	*p += len + (end != '\0');
	return good;
}

static bool good_hash(const char *hash)
{
	unsigned kib, passes;
	char start[64];
	if (strlen(hash) >= crypto_pwhash_STRBYTES || sscanf(hash, "$argon2id$v=19$m=%6u,t=%2u,p=1$", &kib, &passes) != 2)
		return false;
	snprintf(start, sizeof(start), "$argon2id$v=19$m=%u,t=%u,p=1$", kib, passes);
	if (strncmp(hash, start, strlen(start)) != 0 || kib < 8 || kib > HASH_KIB_MAX || passes < 1 || passes > HASH_PASSES_MAX)
		return false;
	hash += strlen(start);
	return is_base64(&hash, 11, 43, '$') && is_base64(&hash, 22, 86, '\0');
}

const struct user *users_find(const struct users *users, const char *name)
{
	for (uint32_t i = 0; users && i < users->count; i++)
		if (strcmp(users->items[i].name, name) == 0)
			return &users->items[i];
	return NULL;
}

/* ---- The file ---- */

static bool is_not_regular(const struct stat *st) { return !S_ISREG(st->st_mode); }
static bool is_a_strangers(const struct stat *st) { return st->st_uid != geteuid() && st->st_uid != 0; }
/* Credentials of systemd belong to root, and the mode's group bits are then those of an access list. */
static bool is_too_open(const struct stat *st) { return st->st_mode & (st->st_uid == 0 && st->st_gid == 0 ? 0137 : 0177); }
static bool has_links(const struct stat *st) { return st->st_nlink != 1; }
static bool is_too_long(const struct stat *st) { return st->st_size > FILE_MAX; }

static const struct {
	bool (*holds)(const struct stat *);
	const char *what, *remedy;
} flaws[] = {
	{is_not_regular, "is not a regular file", "put the file itself there"},
	{is_a_strangers, "belongs neither to the user that restunnel runs as nor to root", "chown it to that user"},
	{is_too_open, "can be read or written by others", "chmod 600; if they should not have seen it, set new passwords"},
	{has_links, "has more than one name", "find the others and remove them: find / -xdev -samefile"},
	{is_too_long, "has more than 1 MiB", "that is more than 4096 users need"},
};

static int refuse(struct rtun_ctx *ctx, const char *path, const char *what, const char *remedy)
{
	return rtun_conf_error(ctx, "users_file", remedy, "%s %s", path, what);
}

static int judge(struct rtun_ctx *ctx, const char *path, int fd, struct stat *ret)
{
	if (fstat(fd, ret))
		return refuse(ctx, path, strerror(errno), NULL);
	for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++)
		if (flaws[i].holds(ret))
			return refuse(ctx, path, flaws[i].what, flaws[i].remedy);
	return 0;
}

/* The whole file, with a NUL behind it; "" where there is none. Secret: to be wiped. */
static int read_text(struct rtun_ctx *ctx, const char *path, char **ret, size_t *ret_len)
{
	struct stat st = {0};
	/* NONBLOCK: a FIFO there must not stop the program */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = 0;
	ssize_t n = 0;
	if (fd < 0 && errno != ENOENT)
		return refuse(ctx, path, errno == ELOOP ? "is a symbolic link" : strerror(errno),
			      errno == ELOOP ? "name the file itself" : "the user that restunnel runs as must be able to read it");
	if (fd >= 0)
		r = judge(ctx, path, fd, &st);
	*ret = r ? NULL : malloc((size_t)st.st_size + 1);
	if (!r && !*ret)
		r = -RTUN_ENOMEM;
	if (!r && fd >= 0 && (n = read(fd, *ret, (size_t)st.st_size)) < 0)
		r = refuse(ctx, path, strerror(errno), NULL);
	if (fd >= 0)
		close(fd);
	if (r) {
		free(*ret);
		return r;
	}
	(*ret)[n] = '\0';
	*ret_len = (size_t)n;
	return 0;
}

/* ---- All lines ---- */

struct reading {
	struct rtun_ctx *ctx;
	const char *path;
	struct users *users;
	uint32_t *lines; /* of each user */
	uint32_t line, mistakes;
};

RTUN_PRINTF(3, 4) static void mistake(struct reading *r, const char *remedy, const char *fmt, ...)
{
	char text[160];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (r->mistakes++ < MISTAKES_MAX)
		rtun_conf_error(r->ctx, "users_file", remedy, "%s:%u: %s", r->path, r->line, text);
}

/* Nothing of the line itself is told: it may be a password. */
static void read_line(struct reading *r, char *line)
{
	static const char make[] = "`restunnel passwd NAME` makes such a line";
	char *colon = strchr(line, ':');
	const struct user *had;
	struct user *u = &r->users->items[r->users->count];
	if (line[0] == '#' || line[0] == '\0')
		return;
	if (!colon) {
		mistake(r, make, "this is no NAME:HASH");
		return;
	}
	*colon = '\0';
	if (!users_good_name(line))
		mistake(r, "1 to 32 of a-z, 0-9 and -, not beginning with -, none of exit, tag, session, any between dashes", "this is no name of a user");
	else if (!good_hash(colon + 1))
		mistake(r, make, "this is no hash of argon2id (at most 256 MiB, 16 passes, 1 lane)");
	else if ((had = users_find(r->users, line)))
		mistake(r, "remove one of the lines", "%s is there already, in line %u", line, r->lines[had - r->users->items]);
	else if (r->users->count == USERS_MAX)
		mistake(r, NULL, "there are more than %u users", USERS_MAX);
	else {
		snprintf(u->name, sizeof(u->name), "%s", line);
		snprintf(u->hash, sizeof(u->hash), "%s", colon + 1);
		r->lines[r->users->count++] = r->line;
	}
}

static void read_lines(struct reading *r, char *text, size_t len)
{
	char *end = text + len;
	while (text < end) {
		char *stop = memchr(text, '\n', (size_t)(end - text));
		stop = stop ? stop : end;
		r->line++;
		*stop = '\0';
		if (strlen(text) != (size_t)(stop - text))
			mistake(r, NULL, "there is a NUL in this line");
		else
			read_line(r, text);
		text = stop + 1;
	}
}

/* Room for all that could be users. */
static struct users *users_create(const char *text, size_t len)
{
	struct users *users = calloc(1, sizeof(*users));
	size_t room = 1;
	for (size_t i = 0; i < len; i++)
		room += text[i] == '\n';
	if (users && (users->items = calloc(room, sizeof(*users->items))))
		users->room = room;
	return users;
}

int users_read(struct rtun_ctx *ctx, const char *path, struct users **ret)
{
	struct reading r = {.ctx = ctx, .path = path};
	char *text;
	size_t len;
	int err = read_text(ctx, path, &text, &len);
	*ret = NULL;
	if (err)
		return err;
	r.users = users_create(text, len);
	r.lines = r.users ? calloc(r.users->room + 1, sizeof(*r.lines)) : NULL;
	if (r.lines && r.users->room)
		read_lines(&r, text, len);
	err = !r.lines || !r.users->room ? -RTUN_ENOMEM : r.mistakes ? -RTUN_ECONFIG : 0;
	sodium_memzero(text, len);
	free(text);
	free(r.lines);
	if (err)
		users_free(&r.users);
	*ret = r.users;
	return err;
}

void users_free(struct users **users)
{
	if (!*users)
		return;
	if ((*users)->items)
		sodium_memzero((*users)->items, (*users)->room * sizeof(struct user));
	free((*users)->items);
	free(*users);
	*users = NULL;
}

/* ---- Changing one ---- */

/* `text` without the user's line, with the new one at the end. malloc()ed. */
static char *with_line(const char *text, const char *name, const char *hash)
{
	size_t size = strlen(text) + strlen(name) + strlen(hash) + 4, n = 0;
	char *ret = malloc(size);
	for (const char *next; ret && *text; text = next) {
		size_t len = strcspn(text, "\n");
		next = text + len + (text[len] != '\0');
		if (strncmp(text, name, strlen(name)) != 0 || text[strlen(name)] != ':')
			n += (size_t)snprintf(ret + n, size - n, "%.*s\n", (int)len, text);
	}
	if (ret)
		snprintf(ret + n, size - n, "%s:%s\n", name, hash);
	return ret;
}

int users_set(struct rtun_ctx *ctx, const char *path, const char *name, const char *hash)
{
	struct users *users;
	char *text, *changed;
	size_t len;
	int r = users_read(ctx, path, &users);
	if (r)
		return r;
	users_free(&users);
	r = read_text(ctx, path, &text, &len);
	if (r)
		return r;
	changed = with_line(text, name, hash);
	r = changed ? rtun_file_replace(ctx, path, changed, strlen(changed), 0600) : -RTUN_ENOMEM;
	if (changed)
		sodium_memzero(changed, strlen(changed));
	sodium_memzero(text, len);
	free(changed);
	free(text);
	return r;
}
