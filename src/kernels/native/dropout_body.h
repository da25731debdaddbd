/* dropout_body.h - for one element type; dropout.c includes it through both.h. y may be x. */
static void T(dropout)(const fire_call *call) {
    const REAL *x = call->in[0].data;
    REAL *y = call->out[0].data;
    const int64_t *id = call->in[1].data, *seed_epoch = call->in[2].data;
    int64_t rows = call->in[0].shape.dim[0], units = rows ? fire_count(&call->in[0].shape) / rows : 0;
    double rate = fire_kernel_number("RowDropout", call->attrs, "rate");
    uint64_t layer = (uint64_t)(int64_t)fire_kernel_number("RowDropout", call->attrs, "layer");
    REAL scale = (REAL)(rate < 1 ? 1 / (1 - rate) : 0);
    fire_key key = fire_dropout_key((uint64_t)seed_epoch[0], (uint64_t)seed_epoch[1], layer);
    /* u >= rate for u = bits / 2^24 is bits >= rate * 2^24, exact in a double; 2^24 itself is never reached: rate 1 keeps nothing. */
    double least = ceil(rate * 0x1p24);
    uint32_t limit = least <= 0 ? 0 : least >= 0x1p24 ? 1u << 24 : (uint32_t)least;
    uint32_t bits[4 * BLOCKS];
    int64_t channels = (int64_t)fire_kernel_number("RowDropout", call->attrs, "channels");
    for (int64_t r = 0; r < rows && channels; r++, x += units, y += units) /* a block of channels, and where it comes again */
        for (int64_t c = 0, n; c < channels && c < units; c += n) {
            n = channels - c < 4 * BLOCKS ? channels - c : 4 * BLOCKS;
            draw(key, (uint64_t)id[r], (uint64_t)c / 4, bits);
            for (int64_t u = c; u < units; u += channels) {
                int64_t m = units - u < n ? units - u : n;
                EACH(k, m) y[u + k] = bits[k] >> 8 >= limit ? x[u + k] * scale : 0;
            }
        }
    for (int64_t r = 0; r < rows && !channels; r++)
        for (int64_t u = 0, n; u < units; u += n, x += n, y += n) {
            n = units - u < 4 * BLOCKS ? units - u : 4 * BLOCKS;
            draw(key, (uint64_t)id[r], (uint64_t)u / 4, bits);
            EACH(k, n) y[k] = bits[k] >> 8 >= limit ? x[k] * scale : 0;
        }
}
