/* packs.h - numbers that every process of a host would compute alike, in files that they map: weights in the order that a kernel likes. */
#ifndef FIRE_PACKS_H
#define FIRE_PACKS_H
#include "file.h"

#define FIRE_PACKS_FROM ((size_t)FIRE_MAP_FROM) /* bytes; what is smaller is not worth a file */
#define FIRE_PACKS_HEAD 64                      /* of a file, before the numbers */

/* fire_packs_find - the numbers that are kept under a key, SHA-256 of all that they follow from; false: there are none, or none that fit. They lie
** FIRE_PACKS_HEAD bytes into *out, aligned to 64, only to be read, until fire_contents_free. fire_packs_keep - keep them. Nothing is lost when that
** fails, so nobody hears of it. Both do nothing without a folder. */
bool fire_packs_find(fire_context *ctx, const uint8_t key[32], size_t bytes, fire_contents *out);
void fire_packs_keep(fire_context *ctx, const uint8_t key[32], const void *data, size_t bytes);

/* fire_packs_room - memory of the context that is not touched before it is written to. fire_packs_forget - give the pages of such memory back to the
** system: its contents are lost, it may be written to again. */
void *fire_packs_room(fire_context *ctx, size_t bytes, fire_error *err);
void fire_packs_forget(void *room, size_t bytes);
#endif
