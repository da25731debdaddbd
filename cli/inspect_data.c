/* inspect_data.c - what inspect says of files that are no models: safetensors, NPY, records, and what only others read. */
#include "inspect.h"
#include "crc32c.h"
#include "error.h"
#include "formats/npy.h"
#include "formats/safetensors.h"
#include <string.h>

/* ---- safetensors ---- */

fire_status cli_inspect_safetensors(const cli_inspect_how *o, const char *path, const void *bytes, size_t size, fire_error *err) {
    fire_safetensors t;
    char text[400], shape[FIRE_SHAPE_TEXT], n[CLI_COUNT];
    fire_status s = fire_safetensors_read(o->ctx, bytes, size, &t, err);
    int64_t numbers = 0, sum = 0;
    for (int64_t i = 0; i < t.n_tensors && !s; i++) numbers += fire_count(&t.tensor[i].shape), sum += (int64_t)t.tensor[i].bytes; /* they lie in memory: no overflow */
    if (!s && o->json) {
        printf("{\"format\": \"safetensors\", \"params\": %lld, \"bytes\": %lld, \"tensors\": [", (long long)numbers, (long long)sum);
        for (int64_t i = 0; i < t.n_tensors; i++) {
            printf("%s{\"name\": ", i ? ", " : "");
            cli_json_span(t.tensor[i].name, strlen(t.tensor[i].name));
            cli_json_pair("type", t.tensor[i].dtype);
            cli_json_shape("shape", &t.tensor[i].shape);
            putchar('}');
        }
        printf("], \"notes\": {");
        for (int64_t i = 0; i < t.n_pairs; i++) {
            fputs(i ? ", " : "", stdout);
            cli_json_span(t.pair[i].key, strlen(t.pair[i].key));
            fputs(": ", stdout);
            cli_json_span(t.pair[i].text, strlen(t.pair[i].text));
        }
        printf("}}\n");
    } else if (!s) {
        cli_shown(text, sizeof text, path);
        printf("%s: tensors, safetensors\n\n", text);
        for (int64_t i = 0; i < t.n_tensors; i++) {
            cli_shown(text, sizeof text, t.tensor[i].name);
            printf("  %-50s %-8s %s\n", text, t.tensor[i].dtype, fire_shape_text(&t.tensor[i].shape, shape));
        }
        printf("numbers        %s in %lld tensors\n", cli_count(numbers, n), (long long)t.n_tensors);
        printf("bytes          %s\n", cli_count(sum, n));
        for (int64_t i = 0; i < t.n_pairs; i++) {
            char key[60];
            cli_shown(key, sizeof key, t.pair[i].key);
            cli_shown(text, sizeof text, t.pair[i].text);
            printf("%-14s %s\n", key, text);
        }
    }
    fire_safetensors_clear(&t);
    return s;
}

/* ---- NPY ---- */

fire_status cli_inspect_npy(const cli_inspect_how *o, const char *path, const void *bytes, size_t size, fire_error *err) {
    fire_npy f;
    size_t header;
    char text[400], shape[FIRE_SHAPE_TEXT], n[CLI_COUNT];
    if (size < FIRE_NPY_HEAD) return fire_fail(err, FIRE_E_DATA_FILE, "cut short inside the NPY header");
    fire_status s = fire_npy_header(bytes, &header, err);
    if (!s && header > size) s = fire_fail(err, FIRE_E_DATA_FILE, "cut short inside the NPY header");
    if (!s) s = fire_npy_read(bytes, header, &f, err);
    if (s) return s;
    const char *type = f.type == FIRE_NO_TYPE ? "bytes without a type" : f.type == FIRE_BF16 ? "two bytes without a type, bfloat16 perhaps" : fire_type_text(f.type);
    if (o->json) {
        printf("{\"format\": \"npy\", \"type\": \"%s\"", type);
        cli_json_shape("shape", &f.shape);
        printf(", \"bytes\": %lld, \"fortran_order\": %s, \"big_endian\": %s, \"complete\": %s}\n", (long long)f.bytes, f.fortran ? "true" : "false", f.swap ? "true" : "false",
               (uint64_t)f.bytes == size - header ? "true" : "false");
        return FIRE_OK;
    }
    cli_shown(text, sizeof text, path);
    printf("%s: an array, NPY\n\ntype           %s%s\nshape          %s%s\n", text, type, f.swap ? ", big-endian" : "", fire_shape_text(&f.shape, shape), f.fortran ? ", Fortran order" : "");
    printf("bytes          %s%s\n", cli_count(f.bytes, n), (uint64_t)f.bytes == size - header ? "" : (uint64_t)f.bytes > size - header ? "; the file is cut short" : "; more follow them");
    return FIRE_OK;
}

/* ---- records ---- */

static uint32_t get32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

bool cli_records_are(const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    if (size >= 12 && fire_crc32c_mask(fire_crc32c(0, p, 8)) == get32(p + 8)) return true;
    return size >= 18 && ((p[0] == 0x1f && p[1] == 0x8b) || (p[0] == 0x78 && (p[0] << 8 | p[1]) % 31 == 0)); /* perhaps: cli_inspect_records looks inside */
}

/* The version that the first event of TensorBoard's files has: Event.file_version. */
static bool is_event_file(const void *bytes, size_t size) {
    fire_wire w = {bytes, bytes, (const uint8_t *)bytes + size, 0};
    fire_wire_field f;
    bool more;
    while (!fire_wire_next(&w, &f, &more, NULL) && more)
        if (f.number == 3 && f.kind == 2 && f.size > 12 && !memcmp(f.bytes, "brain.Event:", 12)) return true;
    return false;
}

static const char *const kinds[] = {"nothing", "bytes", "float", "int64"};

static void first_example(const fire_example *e, bool json) {
    char text[200];
    printf(json ? ", \"first\": {" : "first example%s\n", e->sequence ? ", a SequenceExample" : "");
    for (int64_t i = 0; i < e->n; i++) {
        const fire_feature *f = &e->feature[i];
        if (json) {
            fputs(i ? ", " : "", stdout);
            cli_json_span(f->name, f->name_size);
            printf(": {\"type\": \"%s\", \"values\": %lld", kinds[f->kind], (long long)f->n);
            if (f->list) printf(", \"steps\": %lld", (long long)f->n_steps);
            putchar('}');
            continue;
        }
        printf("  %-30s %-8s %lld values", fire_escape(text, sizeof text, f->name, f->name_size), kinds[f->kind], (long long)f->n);
        if (f->list) printf(" in %lld steps", (long long)f->n_steps);
        putchar('\n');
    }
    if (json) putchar('}');
}

fire_status cli_inspect_records(const cli_inspect_how *o, const char *path, bool *other, fire_error *err) {
    fire_records *r = NULL;
    const void *bytes;
    size_t size = 0;
    fire_example *e = NULL;
    char text[400], a[CLI_COUNT], b[CLI_COUNT];
    int64_t n = 0, sum = 0, most = 0;
    bool events = false;
    fire_status s = fire_records_open(o->ctx, path, &r, err);
    if (!s && (s = fire_records_next(r, &bytes, &size, err)) == FIRE_DATA) { /* packed, but no records, or damaged ones from the start */
        fire_records_close(r);
        FILE *f = fopen(path, "rb");
        int first = f ? getc(f) : 0;
        if (f) fclose(f);
        *other = first == 0x1f || first == 0x78;
        return *other ? FIRE_OK : s;
    }
    if (!s && bytes && size && !(events = is_event_file(bytes, size)) && fire_example_read(o->ctx, bytes, size, &e, NULL) != FIRE_OK) e = NULL;
    fire_error later = {0};
    for (; !s && bytes; s = fire_records_next(r, &bytes, &size, &later)) {
        n++;
        sum += (int64_t)size;
        if ((int64_t)size > most) most = (int64_t)size;
    }
    if (s && later.status && err) *err = later;
    fire_records_close(r);
    if (!s && o->json) {
        printf("{\"format\": \"tfrecord\", \"holds\": \"%s\", \"records\": %lld, \"bytes\": %lld, \"largest\": %lld", events ? "events" : e ? "examples" : "bytes", (long long)n, (long long)sum, (long long)most);
        if (e) first_example(e, true);
        printf("}\n");
    } else if (!s) {
        cli_shown(text, sizeof text, path);
        printf("%s: %s\n\n", text, events ? "events for TensorBoard, TFRecord" : e ? "examples, TFRecord" : "records, TFRecord");
        printf("records        %s, every CRC right\n", cli_count(n, a));
        printf("bytes          %s", cli_count(sum, a));
        printf(", the largest %s\n", cli_count(most, b));
        if (e) first_example(e, false);
    }
    fire_example_free(o->ctx, e);
    return s;
}

/* ---- what only others read ---- */

static bool holds(const uint8_t *p, size_t size, const char *text) {
    return memmem(p, size < 4096 ? size : 4096, text, strlen(text)) || (size > 65536 && memmem(p + size - 65536, 65536, text, strlen(text)));
}

bool cli_inspect_others(const cli_inspect_how *o, const char *path, const void *bytes, size_t size) {
    static const struct { const char *magic; size_t size; const char *what; } known[] = {
        {"\x89HDF\r\n\x1a\n", 8, "an HDF5 file, as Keras writes (.h5): Python reads it, fire.load and load_weights"},
        {"\x80\x02", 2, "a Python pickle: never read, as it may run code; save safetensors or ONNX instead"}, {"\x80\x03", 2, "a Python pickle: never read, as it may run code; save safetensors or ONNX instead"},
        {"\x80\x04", 2, "a Python pickle: never read, as it may run code; save safetensors or ONNX instead"}, {"\x80\x05", 2, "a Python pickle: never read, as it may run code; save safetensors or ONNX instead"},
        {"PAR1", 4, "a Parquet file: a table, which Spark and pyarrow read"}, {"GGUF", 4, "a GGUF file, which firesteel does not read"}, {"\x1f\x8b", 2, "a gzip file that holds no records"},
    };
    const uint8_t *p = bytes;
    const char *what = NULL;
    char text[400];
    for (size_t i = 0; i < sizeof known / sizeof *known && !what; i++)
        if (size >= known[i].size && !memcmp(p, known[i].magic, known[i].size)) what = known[i].what;
    if (!what && size >= 4 && !memcmp(p, "PK\x03\x04", 4))
        what = holds(p, size, "model.weights.h5") || holds(p, size, "config.json") ? "a model of Keras 3 (.keras): Python reads it, fire.load"
             : holds(p, size, "data.pkl") ? "a PyTorch archive with a pickle: never read, as it may run code; save safetensors, or ONNX with torch.onnx.export"
             : holds(p, size, ".npy") ? "arrays of NumPy (.npz): numpy.load reads it" : "a zip archive, of which firesteel reads Keras' alone";
    if (!what && size && p[0] == '{') what = holds(p, size, "class_name") ? "the architecture of a Keras model as JSON: Python reads it, fire.load" : "a JSON text";
    if (!what) return false;
    cli_shown(text, sizeof text, path);
    if (o->json) {
        printf("{\"format\": ");
        fire_json_text(cli_stdout, NULL, what);
        printf("}\n");
    } else printf("%s: %s\n", text, what);
    return true;
}
