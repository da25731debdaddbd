/* gemm_body.h - sigmoid or tanh over n numbers in place, for one element type; gemm.c includes it through both.h. */
static void T(activate)(REAL *y, int64_t n, bool sigmoid) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        VEC x = *(const VEC *)(y + i);
        *(VEC *)(y + i) = sigmoid ? V(sigmoid)(x) : V(tanh)(x);
    }
    if (i < n) {
        VEC x = {0};
        memcpy(&x, y + i, (size_t)(n - i) * sizeof(REAL));
        x = sigmoid ? V(sigmoid)(x) : V(tanh)(x);
        memcpy(y + i, &x, (size_t)(n - i) * sizeof(REAL));
    }
}
