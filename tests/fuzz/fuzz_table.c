/* fuzz_table - libFuzzer over the command's readers: CSV, NPY and IDX, plain and packed. The first byte chooses options. */
#include "limits.h"
#include "cli.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static int file = -1;
    char path[40];
    if (size == 0) return 0;
    if (file < 0) file = memfd_create("table", 0);
    if (file < 0 || ftruncate(file, 0) || pwrite(file, bytes + 1, size - 1, 0) != (ssize_t)size - 1) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    fire_context *ctx = fuzz_context();
    cli_table t;
    fire_error err = {0};
    cli_read how = {.header = (bytes[0] & 3) % 3 - 1, .invalid = (fire_invalid)((bytes[0] >> 2 & 3) % 3), .separator = bytes[0] & 16 ? ';' : ','};
    fire_status st = cli_table_open(ctx, path, &how, &t, &err);
    if (!st) {
        void *data = NULL;
        int64_t rows = 0;
        if (t.format == CLI_CSV && bytes[0] & 32) st = cli_table_pick(&t, bytes[0] & 64 ? "a,b" : NULL, bytes[0] & 128 ? "label" : "1", &err);
        if (!st) st = cli_table_all(&t, &data, &rows, &err);
        if (!st) {
            volatile uint8_t sum = 0;
            for (int64_t i = 0; i < rows * t.width * (int64_t)fire_type_size(t.type); i++) sum = (uint8_t)(sum + ((uint8_t *)data)[i]); /* every byte is there */
            fire_free(ctx, data);
        }
        cli_table_close(&t);
    }
    if (st && (err.status != st || !err.message[0])) abort();
    fire_context_free(ctx);
    if (fuzz_used) abort();
    return 0;
}
