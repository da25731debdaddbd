/* product_body.h - the matrix product for one element type; included through both.h.
**
** y is cut into tiles of a few rows by a few vectors that stay in registers while p runs over a block of at most KC. The block of b that
** a column of tiles reads stays in the first-level cache. b is copied only where it must be: transposed, or at the right edge,
** where the copy is padded with zeros to whole vectors.
*/
/* One tile: rows i .. i + mr - 1, nv vectors of columns; both are constants where this is inlined. first: the sums start at the bias or
** zero, else at y; last: relu follows. Three rows of a share a pointer: the compiler's own choice, a pointer a row,
** runs out of registers, and the empty asm keeps it from going back to that. */
INLINE void T(tile)(const fire_product *g, int mr, int nv, int64_t kc, const REAL *a, int64_t a_row, int64_t a_col, const REAL *b, int64_t b_row,
                                                             REAL *y, int64_t y_row, const REAL *bias, bool first, bool last) {
    VEC acc[MAX_MR][MAX_NV];
    const REAL *ap[(MAX_MR + 2) / 3];
    UNROLL for (int i = 0; i < mr; i += 3) ap[i / 3] = a + i * a_row;
    if (!first) {
        UNROLL for (int i = 0; i < mr; i++)
            UNROLL for (int j = 0; j < nv; j++) acc[i][j] = *(const VEC *)(y + i * y_row + j * LANES);
    } else {
        UNROLL for (int j = 0; j < nv; j++) {
            VEC v = bias ? *(const VEC *)(bias + j * LANES) : (VEC){0};
            UNROLL for (int i = 0; i < mr; i++) acc[i][j] = v;
        }
    }
    for (int64_t p = 0; p < kc; p++) {
        VEC w[MAX_NV];
        UNROLL for (int j = 0; j < nv; j++) w[j] = *(const VEC *)(b + j * LANES);
        UNROLL for (int i = 0; i < mr; i++) {
            REAL x = ap[i / 3][i % 3 * a_row];
            UNROLL for (int j = 0; j < nv; j++) acc[i][j] += x * w[j];
        }
        b += b_row;
        UNROLL for (int i = 0; i < mr; i += 3) {
            ap[i / 3] += a_col;
            __asm__("" : "+r"(ap[i / 3]));
        }
    }
    if (last && g->relu)
        UNROLL for (int i = 0; i < mr; i++)
            UNROLL for (int j = 0; j < nv; j++) acc[i][j] = (VEC)((MASK)acc[i][j] & ~(MASK)(acc[i][j] <= (VEC){0}));
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int j = 0; j < nv; j++) *(VEC *)(y + i * y_row + j * LANES) = acc[i][j];
}

/* A column of tiles nv vectors wide over m rows of a. packed: a lies tile by tile, [kc, MAX_WIDE_ROWS] each. */
#define TILE(mr, nv) while (m >= mr) { T(tile)(g, mr, nv, kc, a, a_row, a_col, b, b_row, y, y_row, bias, first, last); NEXT(mr) }
#define NEXT(mr) m -= mr, a += packed ? mr * kc : mr * a_row, y += mr * y_row;
#define COLUMN_ARGS const fire_product *g, int64_t m, int64_t kc, const REAL *a, bool packed, const REAL *b, int64_t b_row, REAL *y, int64_t y_row, \
                    const REAL *bias, bool first, bool last
#define COLUMN(name, tiles)                                                                            \
    static __attribute__((noinline)) void T(name)(COLUMN_ARGS) {                                       \
        const int64_t a_row = packed ? 1 : g->a_row, a_col = packed ? MAX_WIDE_ROWS : g->a_col;        \
        tiles                                                                                          \
    }
typedef void T(column)(COLUMN_ARGS);
COLUMNS
#undef COLUMN
#undef NEXT
#undef TILE
#undef COLUMN_ARGS

/* to[p][j] = b(p, j), zero from column `cols` on; `wide` columns in `to`. */
static void T(pack)(const REAL *b, int64_t b_row, int64_t b_col, int64_t kc, int64_t cols, int64_t wide, REAL *restrict to) {
    if (b_col == 1) {
        /* Whole vectors are read as long as they end before the last element of the block, and cut by a mask. */
        INT keep[MAX_NV * LANES] = {0};
        for (int64_t j = 0; j < cols; j++) keep[j] = -1;
        int64_t p = 0;
        for (; p < kc && p * b_row + wide <= (kc - 1) * b_row + cols; p++)
            for (int64_t j = 0; j < wide; j += LANES)
                *(VEC *)(to + p * wide + j) = (VEC)(*(const MASK *)(b + p * b_row + j) & *(const MASK *)(keep + j));
        for (; p < kc; p++)
            for (int64_t j = 0; j < wide; j++) to[p * wide + j] = j < cols ? b[p * b_row + j] : 0;
        return;
    }
    int64_t j = 0;
    for (; j + LANES <= cols; j += LANES) {
        int64_t p = 0;
        for (; p + LANES <= kc; p += LANES) T(transpose)(b + p + j * b_col, b_col, to + p * wide + j, wide);
        for (; p < kc; p++)
            for (int64_t c = 0; c < LANES; c++) to[p * wide + j + c] = b[p * b_row + (j + c) * b_col];
    }
    for (; j < wide; j++)
        for (int64_t p = 0; p < kc; p++) to[p * wide + j] = j < cols ? b[p * b_row + j * b_col] : 0;
}

/* a, [rows, kc] with a_row 1, tile by tile: to[t][p][r] = a(t * MAX_WIDE_ROWS + r, p). A tile reads a row of x at each p otherwise, a page
** each when x is wide. */
static void T(pack_a)(const REAL *a, int64_t a_col, int64_t rows, int64_t kc, REAL *restrict to) {
    enum { R = MAX_WIDE_ROWS };
    int64_t whole = rows / R;
    for (int64_t p = 0; p < kc; p++, a += a_col)
        for (int64_t t = 0; t < whole; t++) memcpy(to + (t * kc + p) * R, a + t * R, R * sizeof(REAL));
    a -= kc * a_col;
    for (int64_t p = 0; p < kc; p++)
        for (int64_t r = whole * R; r < rows; r++) to[(whole * kc + p) * R + r - whole * R] = a[p * a_col + r];
}

/* The last, unfinished column: tiles are made in `tile`, EDGE_ROWS rows at a time, and their first `cols` columns copied. */
static void T(edge)(const fire_product *g, T(column) *column, int64_t kc, const REAL *a, const REAL *b, int64_t wide, REAL *y, int64_t cols, const REAL *bias, bool first, bool last) {
    REAL tile[EDGE_ROWS * MAX_NV * LANES], row[MAX_NV * LANES];
    if (bias) {
        for (int64_t j = 0; j < wide; j++) row[j] = j < cols ? bias[j] : 0;
        bias = row;
    }
    for (int64_t i = 0; i < g->m; i += EDGE_ROWS) {
        int64_t rows = g->m - i < EDGE_ROWS ? g->m - i : EDGE_ROWS;
        REAL *at = y + i * g->y_row;
        if (!first)
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < wide; j++) tile[r * wide + j] = j < cols ? at[r * g->y_row + j] : 0;
        column(g, rows, kc, a + i * g->a_row, false, b, wide, tile, wide, bias, first, last);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t j = 0; j < cols; j++)
                at[r * g->y_row + j] = tile[r * wide + j];
    }
}

/* Vectors of the next column of tiles when `left` columns are left. */
static int64_t T(column_vectors)(int64_t left, int64_t full) { return left >= full * LANES ? full : left >= NV * LANES ? NV : left > LANES ? 2 : 1; }

/* Column after column, [k, wide] each; all but the last are whole, so that of column j begins at j k. */
void FIRE_ISA_NAME(T(fire_product_pack))(const fire_product *g, void *to) {
    for (int64_t j = 0, wide; j < g->n; j += wide) {
        int64_t left = g->n - j;
        wide = T(column_vectors)(left, NV) * LANES;
        T(pack)((const REAL *)g->b + j * g->b_col, g->b_row, g->b_col, g->k, left < wide ? left : wide, wide, (REAL *)to + j * g->k);
    }
}

void FIRE_ISA_NAME(T(fire_product))(const fire_product *whole) {
    const int64_t blocks = whole->k ? (whole->k + KC - 1) / KC : 1, kc_full = (whole->k + blocks - 1) / blocks; /* k = 0: y is the bias */
    const REAL *b = whole->b, *bias = whole->bias;
    REAL *packed_b = whole->scratch, *packed_a = packed_b + KC * MAX_NV * LANES;
    int64_t full = whole->m <= FEW_ROWS && !whole->packed ? FEW_NV : NV;
    /* A block of a, rows by kc, is read once per column of tiles: it should stay in the second-level cache. */
    int64_t rows = A_BYTES / (int64_t)sizeof(REAL) / (kc_full ? kc_full : 1) / ROUND_ROWS * ROUND_ROWS;
    if (rows < ROUND_ROWS) rows = ROUND_ROWS;
    for (int64_t i = 0; i < whole->m; i += rows) {
        fire_product part = *whole, *g = &part;
        g->m = whole->m - i < rows ? whole->m - i : rows;
        const REAL *a = (const REAL *)whole->a + i * g->a_row;
        REAL *y = (REAL *)whole->y + i * g->y_row;
        for (int64_t p = 0, block = 0; block < blocks; block++, p += kc_full) {
            int64_t kc = g->k - p < kc_full ? g->k - p : kc_full;
            bool first = block == 0 && !whole->add, last = block == blocks - 1;
            bool pack_a = g->a_row == 1 && g->a_col != 1 && g->k >= PACK_A_FROM && g->n >= 3 * NV * LANES && full == NV;
            if (pack_a) T(pack_a)(a + p * g->a_col, g->a_col, g->m, kc, packed_a);
            for (int64_t j = 0, cols; j < g->n; j += cols) {
                int64_t left = g->n - j, nv = T(column_vectors)(left, full);
                int64_t wide = nv * LANES, b_row = g->b_row;
                cols = left < wide ? left : wide;
                const REAL *aj = a + p * g->a_col, *bj = b + p * g->b_row + j * g->b_col;
                if (g->packed) bj = (const REAL *)g->packed + j * g->k + p * wide, b_row = wide;
                else if (g->b_col != 1 || cols < wide || g->m >= PACK_B_FROM) {
                    T(pack)(bj, g->b_row, g->b_col, kc, cols, wide, packed_b);
                    bj = packed_b, b_row = wide;
                }
                const REAL *bias_j = bias ? bias + j : NULL;
                if (cols < wide) T(edge)(g, nv == FEW_NV ? T(few) : nv == NV ? T(wide) : nv == 2 ? T(two) : T(one), kc, aj, bj, wide, y + j, cols, bias_j, first, last);
                else if (nv == NV) T(wide)(g, g->m, kc, pack_a ? packed_a : aj, pack_a, bj, b_row, y + j, g->y_row, bias_j, first, last);
                else (nv == FEW_NV ? T(few) : nv == 2 ? T(two) : T(one))(g, g->m, kc, aj, false, bj, b_row, y + j, g->y_row, bias_j, first, last);
            }
        }
    }
}
