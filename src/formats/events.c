/* events.c - TensorBoard's event files: records that are Event messages.
**
** Messages (tensorboard/compat/proto/event.proto, summary.proto, histogram.proto): Event { double wall_time 1; int64 step 2; string
** file_version 3; Summary summary 5 }, Summary { repeated Value 1 }, Value { string tag 1; float simple_value 2; HistogramProto histo 5 },
** HistogramProto { double min 1, max 2, num 3, sum 4, sum_squares 5; repeated double bucket_limit 6, bucket 7 }.
*/
#include "formats/tfrecord.h"
#include "op.h"
#include "wire.h"
#include <math.h>
#include <string.h>

#define BUCKETS 30 /* as TensorBoard's own summaries have it */

static fire_status give(fire_record_writer *w, fire_buffer *b, fire_error *err) {
    fire_status s = b->first.status ? fire_fail(err, b->first.code, "%s", b->first.message) : fire_record_writer_add(w, b->data, (size_t)b->size, err);
    fire_buffer_free(b);
    return s;
}

/* Event, Summary and Value are open until close3. */
static void open3(fire_buffer *b, double time, int64_t step, const char *tag, int64_t place[2]) {
    fire_wire_put_double(b, 1, time);
    fire_wire_put_int(b, 2, (uint64_t)step);
    place[0] = fire_wire_open(b, 5);
    place[1] = fire_wire_open(b, 1);
    fire_wire_put_text(b, 1, tag);
}
static void close3(fire_buffer *b, const int64_t place[2]) {
    fire_wire_close(b, place[1]);
    fire_wire_close(b, place[0]);
}

fire_status fire_event_version(fire_record_writer *w, double time, fire_error *err) {
    fire_buffer b = {.ctx = fire_record_writer_context(w)};
    fire_wire_put_double(&b, 1, time);
    fire_wire_put_text(&b, 3, "brain.Event:2");
    return give(w, &b, err);
}

fire_status fire_event_scalar(fire_record_writer *w, double time, int64_t step, const char *tag, float value, fire_error *err) {
    fire_buffer b = {.ctx = fire_record_writer_context(w)};
    int64_t place[2];
    open3(&b, time, step, tag, place);
    fire_wire_put_float(&b, 2, value);
    close3(&b, place);
    return give(w, &b, err);
}

/* Numbers that are not finite have no place in a distribution and are left out. */
fire_status fire_event_histogram(fire_record_writer *w, double time, int64_t step, const char *tag, const fire_tensor *t, fire_error *err) {
    const int64_t n = fire_count(&t->shape);
    if ((t->type != FIRE_F32 && t->type != FIRE_F64) || n < 0) return fire_fail(err, FIRE_E_USAGE, "fire_event_histogram: expected float32 or float64 numbers");
    double low = INFINITY, high = -INFINITY, sum = 0, squares = 0, count[BUCKETS] = {0}, limit[BUCKETS];
    int64_t finite = 0;
    for (int64_t i = 0; i < n; i++) {
        const double v = fire_get(t, i);
        if (!isfinite(v)) continue;
        finite++;
        low = fmin(low, v);
        high = fmax(high, v);
        sum += v;
        squares += v * v;
    }
    if (!finite) low = high = 0;
    const double width = (high - low) / BUCKETS;
    int buckets = width > 0 && isfinite(width) ? BUCKETS : 1;
    for (int i = 0; i < buckets; i++) limit[i] = i == buckets - 1 ? high : low + width * (i + 1);
    for (int64_t i = 0; i < n; i++) {
        const double v = fire_get(t, i);
        if (!isfinite(v)) continue;
        int k = buckets == 1 ? 0 : (int)((v - low) / width);
        count[k < buckets ? k : buckets - 1]++;
    }
    fire_buffer b = {.ctx = fire_record_writer_context(w)};
    int64_t place[2];
    open3(&b, time, step, tag, place);
    const int64_t histogram = fire_wire_open(&b, 5);
    fire_wire_put_double(&b, 1, low);
    fire_wire_put_double(&b, 2, high);
    fire_wire_put_double(&b, 3, (double)finite);
    fire_wire_put_double(&b, 4, sum);
    fire_wire_put_double(&b, 5, squares);
    fire_wire_put_bytes(&b, 6, limit, (size_t)buckets * 8); /* little-endian, as the machines that this runs on */
    fire_wire_put_bytes(&b, 7, count, (size_t)buckets * 8);
    fire_wire_close(&b, histogram);
    close3(&b, place);
    return give(w, &b, err);
}
