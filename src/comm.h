/* comm.h - inside the transport: links between ranks and the messages on them.
**
** Ranks form a full mesh: one TCP connection, a fire_link, between every two. comm_meet.c makes the links and lets nobody in who
** does not know the secret; comm_link.c moves messages over them; comm.c builds the collective operations from messages.
**
** Message.  What one rank tells another in one operation. It is cut into frames of at most FIRE_COMM_FRAME bytes, each behind a
**           header, so that a rank that gives up can say so between two frames. All integers are little-endian.
** Header.   magic u32, operation u8, detail u8, root u16, sequence u64, bytes of the whole message u64, bytes of this frame
**           u32, index of this frame u32. Both sides know what must stand there; anything else is an error that names the rank.
*/
#ifndef FIRE_COMM_H
#define FIRE_COMM_H
#include <sys/uio.h>
#include "context.h"

#define FIRE_COMM_HEADER 32
#define FIRE_COMM_FRAME (128 << 10)           /* payload bytes of a frame at most; also the block in which sums are computed */
#define FIRE_COMM_WINDOW (4 * FIRE_COMM_FRAME) /* a sum receives at most so far ahead of the slowest rank: stays in the L2 cache */
#define FIRE_COMM_AHEAD ((int64_t)1 << 20)    /* and sends so far ahead of what it receives; measured: 64 MB in 36 ms instead of 48 */
#define FIRE_COMM_SMALL (16 << 10)            /* sums up to here are exchanged whole, in one round trip */
#define FIRE_COMM_LIMIT ((int64_t)1 << 36)    /* a peer may announce no message longer than this: 64 GiB */
#define FIRE_COMM_RANKS 4096                  /* ranks at most */
#define FIRE_COMM_ADDRESS 128                 /* bytes of an address in a message */
#define FIRE_COMM_WORDS 1040                  /* bytes of a failure frame at most */

typedef enum fire_comm_op { FIRE_COMM_SUM = 1, FIRE_COMM_BROADCAST, FIRE_COMM_GATHER, FIRE_COMM_EXCHANGE, FIRE_COMM_FAIL, FIRE_COMM_BYE } fire_comm_op;

typedef struct fire_link fire_link;

/* How bytes move on a link: plain sockets here; TLS wraps them by another table. Both return the bytes moved, -EAGAIN when it would
** block, another -errno when the connection is broken; recv returns 0 at its end. close frees what the table made. */
typedef struct fire_link_io {
    int64_t (*send)(fire_link *link, const struct iovec *part, int n);
    int64_t (*recv)(fire_link *link, const struct iovec *part, int n);
    void (*close)(fire_link *link);
} fire_link_io;

extern const fire_link_io fire_link_tcp;

/* One direction of one link during one operation: a message in up to two parts. */
typedef struct fire_stream {
    uint8_t *part[2];      /* where the parts lie; borrowed */
    int64_t size[2];
    int64_t window;        /* part 0 is a ring of so many bytes; 0: it lies plainly */
    int64_t at;            /* payload bytes of the message that have moved */
    int64_t limit;         /* payload bytes that may move: sending, they are ready; receiving, there is room */
    int64_t frame_end;     /* where in the message the frame that is under way ends */
    uint32_t frame;        /* index of the next frame */
    bool done;
    int32_t header_at;     /* bytes of the header that have moved; receiving: of the frame after this one */
    uint8_t header[FIRE_COMM_HEADER];
} fire_stream;

struct fire_link {
    const fire_link_io *io;
    void *state;           /* of io */
    int fd;                /* -1: none */
    int32_t rank;          /* of the peer */
    char address[FIRE_COMM_ADDRESS]; /* printable */
    double since;          /* when something last moved, or the operation began */
    bool left;             /* the peer said good-bye */
    fire_stream out, in;
    bool take_any;         /* an exchange: the first header says how long the message is */
    void *taken;           /* memory for it */
    int32_t words_at;      /* a failure frame is being read: bytes so far, -1 when none is */
    int32_t words_size;
    uint8_t words[FIRE_COMM_WORDS];
};

struct fire_comm {
    fire_context *ctx;
    int listener;          /* -1 when closed */
    int32_t rank, size;    /* size 0: not open yet */
    double deadline;
    double ended;          /* when the last operation was over, at first the meeting */
    double patience;       /* seconds of silence that are too long in the operation under way; at least the deadline */
    fire_link *link;       /* [size]; the own one stays unused */
    struct pollfd *poll;   /* [size] */
    uint64_t sequence;     /* of the operation under way */
    fire_comm_op op;
    uint8_t detail;        /* of a sum: its type */
    int32_t root;
    void **term;           /* [size]: the terms of a sum */
    uint8_t *scratch;      /* what others send for a sum */
    int64_t scratch_size;
    int64_t sent;          /* bytes, over all links */
    fire_error failed;     /* why this comm works no more; status 0: it works */
    int32_t failed_rank;   /* who said so first */
    bool told;             /* peers know */
};

/* fire_link_begin - take over a connected, authenticated socket. */
void fire_link_begin(fire_link *link, int fd, int32_t rank, const char *address);
void fire_link_close(fire_link *link);

/* fire_link_watch - read what came on a link on which nothing is expected: at most the header of a later message, a good-bye or a
** failure. Fails when the peer is lost or gave up. */
fire_status fire_link_watch(fire_comm *comm, fire_link *link, fire_error *err);

/* fire_comm_begin - count a new operation; no stream is set. Fails at once when the comm has failed. */
fire_status fire_comm_begin(fire_comm *comm, fire_comm_op op, uint8_t detail, int32_t root, fire_error *err);
/* fire_stream_set - a message of two parts, the second may be empty, all of which may move. */
void fire_stream_set(fire_stream *s, void *part0, int64_t size0, void *part1, int64_t size1);

/* fire_comm_run - move all messages until they are done, calling after(user) whenever something moved (may be NULL; it may
** raise limits). On failure every peer is told, and the comm has failed for good. */
fire_status fire_comm_run(fire_comm *comm, void (*after)(void *user), void *user, fire_error *err);

/* fire_comm_sum_brain - like fire_comm_sum for bfloat16. Terms are added in float32 together with rest[n], the result is rounded once, and what
** rounding took away stays in rest; of a large sum only the chunk of this rank is added here. */
fire_status fire_comm_sum_brain(fire_comm *comm, uint16_t *buf, float *rest, int64_t n, fire_error *err);

/* fire_comm_end - make *err, which has been filled, the reason why this comm works no more, and tell the peers. Returns its status. */
fire_status fire_comm_end(fire_comm *comm, fire_error *err);
#endif
