/* fuzz_text - libFuzzer over models in protocol buffers' text format: the first byte says of which kind. What comes out is whole messages of the kinds that the
** table names, and at most six times as long. */
#include "formats/protobuf_text.h"
#include "run.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void walk(fire_wire w, const fire_proto_message *m) {
    fire_wire_field f;
    fire_wire inner;
    bool more;
    fire_status s;
    while (!(s = fire_wire_next(&w, &f, &more, NULL)) && more) {
        const fire_proto_field *row = m->field;
        while (row->name && (row->number != f.number || row->kind == FIRE_PROTO_SKIP)) row++;
        if (!row->name) abort();
        if (row->kind != FIRE_PROTO_MESSAGE) continue;
        if (fire_wire_enter(&w, &f, &inner, NULL)) abort();
        walk(inner, row->message);
    }
    if (s) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const fire_proto_message *const kinds[] = {&fire_proto_graph_def, &fire_proto_saved_model, &fire_proto_onnx_model, &fire_proto_caffe_net};
    if (!size) return 0;
    const fire_proto_message *m = kinds[bytes[0] % 4];
    fire_context *ctx = fuzz_context();
    fire_buffer b = {.ctx = ctx};
    fire_error err = {0};
    (void)fire_proto_text_is(bytes + 1, size - 1, m);
    const fire_status s = fire_proto_text_read(bytes + 1, size - 1, m, &b, &err);
    if (s) fuzz_check(s, &err);
    else {
        if (b.size > 6 * (int64_t)size) abort();
        if (b.size) walk((fire_wire){b.data, b.data, b.data + b.size, 0}, m);
    }
    fire_buffer_free(&b);
    fire_context_free(ctx);
    if (fuzz_used) abort(); /* nothing is lost */
    return 0;
}
