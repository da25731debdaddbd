/* file.h - whole files through the context's I/O hooks. */
#ifndef FIRE_FILE_H
#define FIRE_FILE_H
#include "context.h"

extern const fire_io fire_io_posix; /* what a context uses when it is given none */

/* fire_file_read - the whole file in memory of the context, with one zero byte past its end that *size does not count. Free with
** fire_free. Fails with FIRE_E_FILE_IO, naming path and reason. */
fire_status fire_file_read(fire_context *ctx, const char *path, void **bytes, size_t *size, fire_error *err);

/* A file's bytes, read or mapped; only to be read. */
typedef struct fire_contents { void *data; size_t size; bool mapped; } fire_contents;
#define FIRE_MAP_FROM (256 << 10) /* bytes; smaller files are read */
/* fire_file_map - the whole file where it lies, in about no time whatever its size; a small file, or where the context's hooks cannot map, in memory
** as fire_file_read has it. Who writes into a mapped file may be seen to do so, and to touch a page that was cut off is SIGBUS: writers
** must replace files by rename, as fire_file_write does. fire_file_map_below - the same for a file in `dir` or below, path relative to it. */
fire_status fire_file_map(fire_context *ctx, const char *path, fire_contents *out, fire_error *err);
fire_status fire_file_map_below(fire_context *ctx, const char *dir, const char *path, fire_contents *out, fire_error *err);
void fire_contents_free(fire_context *ctx, fire_contents *b);

/* fire_file_write - replace the file at `path` by the n pieces, one after the other, so that a crash leaves the old file or the
** new one: a temporary file beside it is written, synced and renamed, then the folder is synced. */
typedef struct fire_piece { const void *data; size_t bytes; } fire_piece;
fire_status fire_file_write(fire_context *ctx, const char *path, int n, const fire_piece *piece, fire_error *err);

/* fire_temporary_path - a name beside `path` for what will be renamed to it; no two writers get the same. NULL: out of memory. */
char *fire_temporary_path(fire_context *ctx, const char *path, fire_error *err);

/* fire_dir_make - make a folder; one that is there already is fine. */
fire_status fire_dir_make(fire_context *ctx, const char *path, fire_error *err);

/* fire_path_join - "dir/name" in memory of the context; NULL: out of memory. */
char *fire_path_join(fire_context *ctx, const char *dir, const char *name, fire_error *err);

/* fire_file_fail - FIRE_E_FILE_IO (or another code) for what a hook returned: "cannot open 'path': No such file or directory". */
fire_status fire_file_fail(fire_error *err, int32_t code, const char *verb, const char *path, int64_t minus_errno);
#endif
