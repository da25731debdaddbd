/* tensorflow_lift_sound.c - features of sound as TensorFlow's networks for speech commands compute them: spectrograms and cepstra, as products with matrices
** that are known when the graph is made.
*/
#include "formats/tensorflow_help.h"

static const double pi = 3.14159265358979323846;

/* AudioSpectrogram(samples [n, channels]): [channels, frames, bins] of windows of Hann, padded with zeros to a power of two. */
void fire_tf_spectrogram(fire_import *b, fire_lift *n) {
    const int64_t window = fire_lift_int(n, "window_size", 0), stride = fire_lift_int(n, "stride", 0);
    fire_tensor turn[2], at;
    if (!fire_tf_has(b, n, 1) || !fire_import_concrete(b, n->in[0])) return;
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (s.rank != 2 || window < 2 || window > 1 << 14 || stride < 1 || stride > INT32_MAX) { fire_tf_fail(b, "windows of %lld every %lld", (long long)window, (long long)stride); return; }
    int64_t size = 1;
    while (size < window) size *= 2;
    const int64_t bins = size / 2 + 1, frames = s.dim[0] >= window ? (s.dim[0] - window) / stride + 1 : 0;
    if (!fire_tf_spend(b, 40 * window * bins) || !fire_tf_new(b, FIRE_I64, (fire_shape){2, {frames, window}}, &at)) return;
    for (int64_t f = 0; f < frames; f++)
        for (int64_t i = 0; i < window; i++) ((int64_t *)at.data)[f * window + i] = f * stride + i;
    for (int k = 0; k < 2; k++) {
        if (!fire_tf_new(b, FIRE_F64, (fire_shape){2, {window, bins}}, &turn[k])) return;
        for (int64_t i = 0; i < window; i++)
            for (int64_t j = 0; j < bins; j++) {
                const double angle = 2 * pi * (double)(i * j % size) / (double)size;
                ((double *)turn[k].data)[i * bins + j] = (0.5 - 0.5 * cos(2 * pi * (double)i / (double)window)) * (k ? sin(angle) : cos(angle));
            }
    }
    fire_value x = fire_import_cast(b, fire_import_permute(b, n->in[0], (int[]){1, 0}), FIRE_F64), part[2];
    x = fire_tf_gather(b, x, fire_tf_keep(b, &at), 1); /* [channels, frames, window] */
    for (int k = 0; k < 2; k++) part[k] = fire_import_two(b, "MatMul", x, fire_tf_keep(b, &turn[k])), part[k] = fire_import_two(b, "Mul", part[k], part[k]);
    x = fire_import_two(b, "Add", part[0], part[1]);
    if (!fire_lift_int(n, "magnitude_squared", 0)) x = fire_import_one(b, "Sqrt", x);
    n->out[0] = fire_import_cast(b, x, FIRE_F32);
}

static double mel(double hertz) { return 1127 * log1p(hertz / 700); }

/* Mfcc(spectrogram [channels, frames, bins] of squares, samples a second): bands of the mel scale, their logarithms, a cosine transform. */
void fire_tf_mfcc(fire_import *b, fire_lift *n) {
    const double high = fire_lift_float(n, "upper_frequency_limit", 4000), low = fire_lift_float(n, "lower_frequency_limit", 20);
    const int64_t bands = fire_lift_int(n, "filterbank_channel_count", 40), keep = fire_lift_int(n, "dct_coefficient_count", 13);
    int64_t rate;
    fire_tensor bank, turn;
    if (!fire_tf_has(b, n, 2) || !fire_import_concrete(b, n->in[0]) || !fire_tf_whole(b, n->in[1], &rate)) return;
    const fire_shape s = fire_shape_of(b->g, n->in[0]);
    if (s.rank != 3 || s.dim[2] < 2 || s.dim[2] > 1 << 20 || bands < 1 || bands > 4096 || keep < 1 || keep > bands || rate < 1 || !(low >= 0 && low < high && high < 1e9)) { fire_tf_fail(b, "%lld bands of %lld bins", (long long)bands, (long long)s.dim[2]); return; }
    const int64_t bins = s.dim[2];
    const double width = 0.5 * (double)rate / (double)(bins - 1), begin = mel(low), step = (mel(high) - begin) / (double)(bands + 1);
    const int64_t first = (int64_t)(1.5 + low / width);
    const double last = floor(high / width);
    if (!fire_tf_spend(b, bins * 20 + bands * keep * 20) || !fire_tf_new(b, FIRE_F64, (fire_shape){2, {bins, bands}}, &bank) || !fire_tf_new(b, FIRE_F64, (fire_shape){2, {bands, keep}}, &turn)) return;
    for (int64_t i = first, band = 0; i < bins && (double)i <= last; i++) { /* a bin lies between the middles of two bands; band: the one above */
        const double at = mel((double)i * width);
        while (band < bands && begin + step * (double)(band + 1) < at) band++;
        const double share = (begin + step * (double)(band + 1) - at) / step; /* of the one below */
        if (band > 0) ((double *)bank.data)[i * bands + band - 1] = share;
        if (band < bands) ((double *)bank.data)[i * bands + band] = 1 - share;
    }
    for (int64_t i = 0; i < bands; i++)
        for (int64_t j = 0; j < keep; j++) ((double *)turn.data)[i * keep + j] = sqrt(2.0 / (double)bands) * cos((double)j * pi / (double)bands * ((double)i + 0.5));
    fire_value x = fire_import_two(b, "MatMul", fire_import_one(b, "Sqrt", fire_import_cast(b, n->in[0], FIRE_F64)), fire_tf_keep(b, &bank));
    x = fire_import_one(b, "Log", fire_import_two(b, "Max", x, fire_import_like(b, x, 1e-12)));
    n->out[0] = fire_import_cast(b, fire_import_two(b, "MatMul", x, fire_tf_keep(b, &turn)), FIRE_F32);
}
