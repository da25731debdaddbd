/* packs.c - numbers that processes of a host share, in files that they map; see packs.h.
**
** A file is named by its key and holds a head of 64 bytes ("firepack", version, bytes, key, CRC32C of these) and the numbers. It is written to a
** temporary file, synced and renamed, so that a reader sees all of it or none; of two writers the last one's rename stays, with the same contents. Size
** and head are looked at before it is believed, the numbers are not: who may write to the folder may change what models compute. Files may be removed
** at any time: those who map one keep it, and the next one writes it again.
*/
#include "packs.h"
#include "crc32c.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VERSION 1
typedef struct head { char magic[8]; uint32_t version, zero; uint64_t bytes; uint8_t key[32]; uint32_t empty, crc; } head;
_Static_assert(sizeof(head) == FIRE_PACKS_HEAD, "the numbers begin behind it");

static head head_of(const uint8_t key[32], size_t bytes) {
    head h = {.magic = {'f', 'i', 'r', 'e', 'p', 'a', 'c', 'k'}, .version = VERSION, .bytes = bytes};
    memcpy(h.key, key, sizeof h.key);
    h.crc = fire_crc32c(0, &h, offsetof(head, crc));
    return h;
}

static char *path_of(fire_context *ctx, const uint8_t key[32]) {
    char name[80];
    for (int i = 0; i < 32; i++) snprintf(name + 2 * i, 3, "%02x", key[i]);
    strcpy(name + 64, ".pack");
    return fire_path_join(ctx, ctx->cache, name, NULL);
}

bool fire_packs_find(fire_context *ctx, const uint8_t key[32], size_t bytes, fire_contents *out) {
    char *path = ctx->cache ? path_of(ctx, key) : NULL;
    const head want = head_of(key, bytes);
    fire_contents c = {0};
    *out = c;
    if (!path) return false;
    const bool there = !fire_file_map(ctx, path, &c, NULL);
    fire_free(ctx, path);
    if (!there) return false;
    if (c.mapped && c.size == sizeof want + bytes && !memcmp(c.data, &want, sizeof want)) { /* what is not mapped is not shared */
        *out = c;
        return true;
    }
    fire_contents_free(ctx, &c);
    return false;
}

void fire_packs_keep(fire_context *ctx, const uint8_t key[32], const void *data, size_t bytes) {
    char *path = ctx->cache ? path_of(ctx, key) : NULL;
    const head h = head_of(key, bytes);
    if (path) (void)fire_file_write(ctx, path, 2, (const fire_piece[]){{&h, sizeof h}, {data, bytes}}, NULL);
    fire_free(ctx, path);
}

fire_status fire_set_cache(fire_context *ctx, const char *folder, fire_error *err) {
    char *own = NULL;
    fire_status s = folder && *folder ? fire_dir_make(ctx, folder, err) : FIRE_OK;
    if (!s && folder && *folder && !(own = fire_copy_text(ctx, folder, err))) s = FIRE_NOMEM;
    if (s) return s;
    fire_free(ctx, ctx->cache);
    ctx->cache = own;
    return FIRE_OK;
}

void *fire_packs_room(fire_context *ctx, size_t bytes, fire_error *err) { return fire_alloc_raw(ctx, bytes, err); }

void fire_packs_forget(void *room, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)room + page - 1) / page * page, to = ((uintptr_t)room + bytes) / page * page;
    if (to > from) (void)madvise((void *)from, to - from, MADV_DONTNEED);
}
