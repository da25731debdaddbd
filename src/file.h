/* file.h - whole files through the context's I/O hooks. */
#ifndef FIRE_FILE_H
#define FIRE_FILE_H
#include "context.h"

extern const fire_io fire_io_posix; /* what a context uses when it is given none */

/* fire_file_read - the whole file in memory of the context, with one zero byte past its end that *size does not count. Free with
** fire_free. Fails with FIRE_E_FILE_IO, naming path and reason. */
fire_status fire_file_read(fire_context *ctx, const char *path, void **bytes, size_t *size, fire_error *err);

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
