/* error.c - messages, codes and the texts behind them. */
#include "error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct { int32_t code; const char *title, *text; } codes[] = {
#define FIRE_ERROR(name, number, title, text) {number, title, text},
#include "errors.def"
#undef FIRE_ERROR
};
enum { N_CODES = sizeof codes / sizeof *codes };

const char *fire_explain(int32_t code, const char **title) {
    for (int i = 0; i < N_CODES; i++)
        if (codes[i].code == code) {
            if (title) *title = codes[i].title;
            return codes[i].text;
        }
    return NULL;
}

int32_t fire_explain_codes(int i) { return i >= 0 && i < N_CODES ? codes[i].code : 0; }

fire_status fire_fail(fire_error *err, int32_t code, const char *fmt, ...) {
    fire_status s = code == FIRE_E_NOMEM ? FIRE_NOMEM : code == FIRE_E_CANCELLED ? FIRE_CANCELLED : (fire_status)(code / 1000);
    if (!err) return s;
    /* Arguments may lie in err->message itself (a message wrapped into a longer one), so write beside it first. */
    char text[sizeof err->message];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) text[0] = 0;
    else if ((size_t)n >= sizeof text) {
        /* A cut message ends in "..."; never inside a UTF-8 sequence. */
        size_t end = sizeof text - 4;
        while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) end--;
        memcpy(text + end, "...", 4);
    }
    memcpy(err->message, text, sizeof text);
    err->status = s;
    err->code = code;
    return s;
}

const char *fire_escape(char *to, size_t capacity, const char *from, size_t bytes) {
    static const char hex[] = "0123456789ABCDEF";
    if (capacity == 0) return to;
    size_t used = 0, safe = 0; /* safe: where a cut leaves room for "..." */
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)from[i];
        size_t need = c >= 0x20 && c < 0x7F ? 1 : 4;
        if (used + 4 <= capacity) safe = used;
        if (used + need + 1 > capacity) {
            if (capacity < 4) { to[0] = 0; return to; }
            memcpy(to + safe, "...", 4);
            return to;
        }
        if (need == 1) to[used] = (char)c;
        else { to[used] = '\\'; to[used + 1] = 'x'; to[used + 2] = hex[c >> 4]; to[used + 3] = hex[c & 15]; }
        used += need;
    }
    to[used] = 0;
    return to;
}

const char *fire_shape_text(const fire_shape *s, char buf[FIRE_SHAPE_TEXT]) {
    /* 8 dimensions of at most 20 characters and 2 of separator always fit. */
    int k = snprintf(buf, FIRE_SHAPE_TEXT, "[");
    for (int i = 0; i < s->rank && i < FIRE_MAX_RANK; i++) {
        const char *comma = i ? ", " : "";
        if (s->dim[i] == -1) k += snprintf(buf + k, FIRE_SHAPE_TEXT - (size_t)k, "%sn", comma);
        else k += snprintf(buf + k, FIRE_SHAPE_TEXT - (size_t)k, "%s%lld", comma, (long long)s->dim[i]);
    }
    snprintf(buf + k, FIRE_SHAPE_TEXT - (size_t)k, "]");
    return buf;
}

const char *fire_type_text(fire_type t) {
    switch (t) {
    case FIRE_F32: return "float32";
    case FIRE_F64: return "float64";
    case FIRE_U8: return "uint8";
    case FIRE_I8: return "int8";
    case FIRE_U16: return "uint16";
    case FIRE_I16: return "int16";
    case FIRE_I32: return "int32";
    case FIRE_I64: return "int64";
    case FIRE_BOOL: return "bool";
    case FIRE_U32: return "uint32";
    case FIRE_U64: return "uint64";
    case FIRE_F16: return "float16";
    case FIRE_BF16: return "bfloat16";
    case FIRE_TEXT: return "text";
    case FIRE_F8_E4M3FN: return "float8e4m3fn";
    case FIRE_F8_E4M3FNUZ: return "float8e4m3fnuz";
    case FIRE_F8_E5M2: return "float8e5m2";
    case FIRE_F8_E5M2FNUZ: return "float8e5m2fnuz";
    case FIRE_F8_E8M0: return "float8e8m0";
    case FIRE_F6_E2M3: return "float6e2m3";
    case FIRE_F6_E3M2: return "float6e3m2";
    case FIRE_F4_E2M1: return "float4e2m1";
    case FIRE_U4: return "uint4";
    case FIRE_I4: return "int4";
    case FIRE_U2: return "uint2";
    case FIRE_I2: return "int2";
    default: return t & FIRE_LIST ? "a list" : "no type";
    }
}
