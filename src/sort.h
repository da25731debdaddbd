/* sort.h - sorting without memory of its own and without a slow case: heap sort. For names and places that come from files. */
#ifndef FIRE_SORT_H
#define FIRE_SORT_H
#include <stdint.h>
#include <string.h>

#define FIRE_SORT_SIZE 256 /* largest element */

/* fire_sort - put `n` elements of `size` bytes into ascending order; equal ones end in any order. */
static inline void fire_sort(void *array, int64_t n, size_t size, int (*compare)(const void *, const void *)) {
    char *p = array, spare[FIRE_SORT_SIZE];
    for (int64_t end = n, start = n / 2; end > 1;) {
        if (start) start--;
        else {
            char *last = p + (size_t)--end * size;
            memcpy(spare, p, size), memcpy(p, last, size), memcpy(last, spare, size);
        }
        for (int64_t at = start, child; (child = 2 * at + 1) < end; at = child) {
            char *a = p + (size_t)at * size, *c = p + (size_t)child * size;
            if (child + 1 < end && compare(c, c + size) < 0) c += size, child++;
            if (compare(a, c) >= 0) break;
            memcpy(spare, a, size), memcpy(a, c, size), memcpy(c, spare, size);
        }
    }
}
#endif
