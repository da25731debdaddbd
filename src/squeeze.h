/* squeeze.h - sums over workers in fewer bytes than their numbers have, with what was left out kept for the next sum.
**
** Each worker adds its numbers to a rest, sends a rough picture of it, and takes off the rest what it has sent. So nothing is lost, it only
** arrives later (error feedback: Seide et al. 2014, Karimireddy et al. 2019). Every worker computes the sum from the same messages, so all get the same bits.
**
** BF16       numbers are rounded to 16 bits; who adds up a chunk rounds the sum likewise and keeps a rest of its own. Half the traffic of float32.
** THRESHOLD  numbers beyond a threshold are rounded to a unit times 1, 2, 4, 8 ... and sent in some five bits, all others wait (Strom 2015, "Scalable
**            distributed DNN training using commodity GPU cloud computing", with more than one step). Messages have a fixed size, which follows from the
**            traffic that is wanted, and unit and threshold are chosen anew for each so that what is beyond it fits.
*/
#ifndef FIRE_SQUEEZE_H
#define FIRE_SQUEEZE_H
#include "context.h"

typedef struct fire_squeeze {
    fire_context *ctx;
    fire_comm *comm;
    fire_compression kind; /* FIRE_COMPRESS_NONE: not in use */
    fire_type type;
    int64_t n, exact;      /* numbers that are compressed, and how many behind them travel as they are */
    void *rest;            /* [n] */
    uint16_t *brain;       /* BF16: [n] */
    float *sum_rest;       /* BF16: [n], of which this rank uses those of its chunk */
    uint8_t *message;      /* THRESHOLD: [ranks][bytes], the own one and what came */
    int64_t bytes;         /* of one message */
    double share; int low; /* of all numbers that a message holds; lower bits of a distance in it (squeeze.c) */
    double *sample;        /* [n_sample] */
    int64_t n_sample;
    uint64_t turn;         /* sums so far: a message begins at another number each time, so that those at the end are not the ones that wait */
} fire_squeeze;

/* fire_squeeze_new - for sums over comm of n numbers and `exact` more. ratio: traffic wanted with THRESHOLD, as a share of that of fire_comm_sum. */
fire_status fire_squeeze_new(fire_context *ctx, fire_squeeze *s, fire_comm *comm, fire_compression kind, double ratio, fire_type type, int64_t n, int64_t exact, fire_error *err);
void fire_squeeze_free(fire_squeeze *s);

/* fire_squeeze_sum - x[n + exact] becomes the sum over the workers. Numbers that are not finite make the sum so. */
fire_status fire_squeeze_sum(fire_squeeze *s, void *x, fire_error *err);
#endif
