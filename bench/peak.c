/* peak - print the GFLOP/s of one core in float32. */
#include <stdbool.h>
#include <stdio.h>
#include "peak.h"

int main(void) {
    printf("%.1f GFLOP/s\n", peak_gflops());
    return 0;
}
