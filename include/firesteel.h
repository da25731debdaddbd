/* firesteel.h - the whole public interface of the engine.
**
** Reading order: context, errors, tensors, network, data, training, scoring,
** files, workers. A complete program is examples/retrain.c.
**
** Objects.   Every object is opaque, made by a ..._new, ..._load or ..._open
**            call from a fire_context and freed by its ..._free, which accepts
**            NULL. The context outlives everything made from it.
** Errors.    What can fail returns fire_status and takes `fire_error *err`
**            last, which the caller owns and may be NULL. On failure out
**            parameters are untouched and nothing is lost or half done.
** Texts.     Layers, losses, metrics and optimizers are named by text, so this
**            header does not grow with them: "Adam learning_rate=0.01".
**            Names, defaults and meanings are Keras 3's; `firesteel ops` lists them.
** Threads.   One thread at a time per object; different objects are independent.
**            There is no global state. Nothing here prints, exits, aborts or
**            reads the environment.
*/
#ifndef FIRESTEEL_H
#define FIRESTEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FIRE_VERSION "0.1.0"
#if defined(__GNUC__) && !defined(FIRE_STATIC)
#define FIRE_API __attribute__((visibility("default")))
#else
#define FIRE_API
#endif

/* fire_version - FIRE_VERSION of the library that is running. */
FIRE_API const char *fire_version(void);

/* ---- errors -------------------------------------------------------------- */

/* The group of a failure; the same number is the exit code of the command. */
typedef enum fire_status {
    FIRE_OK = 0,
    FIRE_USAGE = 1,     /* the caller broke a rule stated here, shapes included */
    FIRE_DATA = 2,      /* rows, columns or data files are not as declared      */
    FIRE_DIVERGED = 3,  /* the loss became NaN or infinite                      */
    FIRE_CLUSTER = 4,   /* a peer or worker is lost, late, or not who it claims */
    FIRE_FILE = 5,      /* a model file or checkpoint, or the disk below it     */
    FIRE_NOMEM = 6,     /* the context's allocator returned NULL                */
    FIRE_CANCELLED = 130, /* the progress callback asked to stop                */
} fire_status;

typedef struct fire_error {
    fire_status status;
    int32_t code;        /* stable, see src/errors.def; printed as FS2004        */
    char message[1024];  /* UTF-8, always terminated: what, where, found, expected; the fix */
} fire_error;

/* fire_explain - the long text for a code, or NULL when there is none. *title
** (may be NULL) gets its short one. Both are constants. */
FIRE_API const char *fire_explain(int32_t code, const char **title);

/* fire_explain_codes - the i-th known code in ascending order, 0 past the last. */
FIRE_API int32_t fire_explain_codes(int i);

/* ---- context ------------------------------------------------------------- */

/* Memory and files can be replaced, for accounting and to make any call fail in
** a test. Hooks may be called from several threads at once. */
typedef struct fire_memory {
    void *user;
    void *(*alloc)(void *user, size_t bytes, size_t align); /* NULL: out of memory */
    void (*free)(void *user, void *p);                      /* p may be NULL */
} fire_memory;

/* Each call returns 0 (or a byte count) on success, -errno on failure. */
typedef struct fire_io {
    void *user;
    int (*open)(void *user, const char *path, bool write, void **file); /* write: create, truncate */
    int64_t (*size)(void *user, void *file);
    int64_t (*read)(void *user, void *file, int64_t offset, void *to, size_t bytes);
    int64_t (*write)(void *user, void *file, const void *from, size_t bytes); /* appends */
    int (*sync)(void *user, void *file);
    int (*close)(void *user, void *file);
    int (*rename)(void *user, const char *from, const char *to); /* atomic, replaces */
    int (*remove)(void *user, const char *path);
    int (*make_dir)(void *user, const char *path);               /* -EEXIST is fine */
    int (*sync_dir)(void *user, const char *path);
    /* Optional, NULL as well as POSIX' own. map: the first `bytes` of an open file in memory that is only read; without it files are read whole.
    ** open_below: open for reading `path`, which must lie in the folder `dir` or below it, through no link and no ".."; without it models
    ** whose weights lie in other files are refused. */
    int (*map)(void *user, void *file, size_t bytes, void **data);
    void (*unmap)(void *user, void *data, size_t bytes);
    int (*open_below)(void *user, const char *dir, const char *path, void **file);
    /* Optional, too. spill: `bytes` zeros that can be read and written, in a file in the folder `dir` that has no name, so that it is gone with the
    ** process; a disk that is full is an error here, not later. Freed by unmap, then close of *file, by which it can be read as well: to read single rows
    ** costs less so than to map their pages. forget: the pages of such memory need not stay in memory. */
    int (*spill)(void *user, const char *dir, size_t bytes, void **data, void **file);
    void (*forget)(void *user, void *data, size_t bytes);
} fire_io;

typedef struct fire_config {
    size_t size;              /* sizeof(fire_config) */
    const fire_memory *memory; /* NULL: aligned_alloc and free. Copied. */
    const fire_io *io;         /* NULL: POSIX files. Copied. */
    int32_t threads;           /* of one fit or scorer; 0: 1 */
    int32_t isa;               /* at most this: 0 best of the CPU, 1 baseline, 2 AVX2, 3 AVX-512 */
    bool reference_only;       /* use no fast kernel; for tests */
    int64_t memory_limit;      /* bytes that may be in use at once; 0: none. What oneDNN keeps for itself is not counted. */
    int64_t work_limit;        /* operations, multiply and add counted apart, that one fire_run may take; 0: none */
} fire_config;

typedef struct fire_context fire_context;
FIRE_API fire_status fire_context_new(const fire_config *config, fire_context **out, fire_error *err);
FIRE_API void fire_context_free(fire_context *ctx);

/* fire_set_threads - threads of the fits and scorers made from now on, 1 to 1024. */
FIRE_API fire_status fire_set_threads(fire_context *ctx, int32_t threads, fire_error *err);

/* fire_set_limits - memory_limit and work_limit from now on. */
FIRE_API fire_status fire_set_limits(fire_context *ctx, int64_t memory, int64_t work, fire_error *err);
/* fire_set_cache - a folder (it is made if its parent is there) in which processes of a host share weights in the order that convolutions like, in
** models that score from now on. NULL: none, as at the start. Who may write to it may change what models compute. Its files, one for each weight,
** processor and version of oneDNN, may be removed at any time; nothing else limits how many there are. */
FIRE_API fire_status fire_set_cache(fire_context *ctx, const char *folder, fire_error *err);

/* ---- tensors ------------------------------------------------------------- */

/* The numbers of ONNX's TensorProto.DataType. */
typedef enum fire_type {
    FIRE_NO_TYPE = 0, FIRE_F32 = 1, FIRE_U8 = 2, FIRE_I8 = 3, FIRE_U16 = 4, FIRE_I16 = 5,
    FIRE_I32 = 6, FIRE_I64 = 7, FIRE_BOOL = 9, FIRE_F16 = 10, FIRE_F64 = 11, FIRE_U32 = 12, FIRE_U64 = 13,
    FIRE_BF16 = 16, /* this, F16, U32, U64 and all that follow: fire_run alone */
    FIRE_TEXT = 8,  /* data: const char *[], each UTF-8 and terminated */
    /* One byte each, the low bits of it where the type has fewer: floats named by bits of exponent and mantissa, whole numbers. */
    FIRE_F8_E4M3FN = 17, FIRE_F8_E4M3FNUZ = 18, FIRE_F8_E5M2 = 19, FIRE_F8_E5M2FNUZ = 20, FIRE_U4 = 21, FIRE_I4 = 22, FIRE_F4_E2M1 = 23,
    FIRE_F8_E8M0 = 24, FIRE_U2 = 25, FIRE_I2 = 26, FIRE_F6_E2M3 = 27, FIRE_F6_E3M2 = 28,
    /* Added to the type of their tensors. A list: shape [n], data: fire_tensor[n]. Optional: fire_run_port says it where a value may be absent,
    ** which is a tensor of FIRE_NO_TYPE. */
    FIRE_LIST = 0x100, FIRE_OPTIONAL = 0x200,
} fire_type;

#define FIRE_MAX_RANK 8

typedef struct fire_shape {
    int32_t rank;
    int64_t dim[FIRE_MAX_RANK]; /* -1: the batch size, known when it runs */
} fire_shape;

/* A dense row-major array. Who owns `data` is said where one is passed. */
typedef struct fire_tensor {
    fire_type type;
    fire_shape shape;
    void *data;
} fire_tensor;

/* fire_type_size - bytes of one element; 0 for an unknown type, texts and lists. */
FIRE_API size_t fire_type_size(fire_type t);

/* ---- network: layers and their weights ------------------------------------ */

typedef struct fire_network fire_network;

/* fire_network_new - an empty network that computes in `type`, FIRE_F32 or FIRE_F64. */
FIRE_API fire_status fire_network_new(fire_context *ctx, fire_type type, fire_network **out, fire_error *err);
FIRE_API void fire_network_free(fire_network *net);

/* fire_network_clone - a copy with layers, weights and compile settings, but
** no optimizer state. */
FIRE_API fire_status fire_network_clone(const fire_network *net, fire_network **out, fire_error *err);

/* fire_network_add - append a layer: fire_network_add(net, "Dense", "units=10
** activation=softmax", &err). attrs may be NULL. "name=..." names the layer,
** otherwise it is dense, dense_1 ... An "Input" layer ("shape=[28,28]", without
** the batch) may come first; without one the first batch of data decides. When
** the network is already built, the new layer is built at once and its weights
** are drawn at the next fire_network_init, fit or predict. */
FIRE_API fire_status fire_network_add(fire_network *net, const char *layer, const char *attrs, fire_error *err);

/* A network that is no chain: inputs are added, layers are called on tensors, and outputs named; then it is built. Tensors are plain
** numbers; output k of a layer with several is the first one's number + k.
**   fire_network_input(net, "shape=[4]", &a, &err);
**   fire_network_call(net, "Dense", "units=8 activation=relu", 1, &a, &b, &err);
**   fire_network_call(net, "Add", "", 2, (int32_t[]){b, c}, &d, &err);
**   fire_network_outputs(net, 1, &d, &err);
** fire_network_call with attrs NULL calls the layer of that name again: it shares its weights. A network with several inputs takes rows in
** which these lie one after the other, in the order they were added, and gives its outputs likewise. fire_network_outputs may be called
** again, after further calls or to cut the network at inner tensors; layers that no output needs stay, unused. */
FIRE_API fire_status fire_network_input(fire_network *net, const char *attrs, int32_t *tensor, fire_error *err);
FIRE_API fire_status fire_network_call(fire_network *net, const char *layer, const char *attrs, int32_t n_in, const int32_t *in,
                                       int32_t *tensor, fire_error *err);
FIRE_API fire_status fire_network_outputs(fire_network *net, int32_t n, const int32_t *tensors, fire_error *err);

/* fire_network_part - shape (batch as -1) and name of input or output k of the network, the name borrowed; false past the last. */
FIRE_API bool fire_network_part(const fire_network *net, bool output, int32_t k, fire_shape *shape, const char **name);
FIRE_API int32_t fire_network_output(const fire_network *net, int32_t k); /* its tensor; -1: the input itself, or past the last */

/* fire_network_use - application i of a layer, counted in the order they were made; false past the last. An input is the application of an
** Input layer to nothing. Arrays are borrowed until the network changes. */
typedef struct fire_use_info {
    int32_t layer, n_in, n_out; /* n_out 0: not built */
    const int32_t *in;          /* tensors */
    int32_t tensor;             /* its first output */
} fire_use_info;
FIRE_API bool fire_network_use(const fire_network *net, int i, fire_use_info *info);

/* fire_network_pop - remove the last layer and its weights. */
FIRE_API fire_status fire_network_pop(fire_network *net, fire_error *err);

/* fire_network_build - fix the input shape (without the batch) and so every
** weight's shape. Building twice with the same shape is fine. */
FIRE_API fire_status fire_network_build(fire_network *net, const fire_shape *input, fire_error *err);

/* fire_network_init - draw every weight that has no value yet, by (seed, its place). */
FIRE_API fire_status fire_network_init(fire_network *net, uint64_t seed, fire_error *err);

typedef struct fire_layer_info {
    const char *kind, *name;  /* "Dense", "dense_1"; borrowed until the network changes */
    const char *attrs;        /* attributes that differ from their defaults, name left out */
    fire_shape output;        /* with the batch as -1; rank 0 while not built */
    int64_t weights;          /* numbers in its weights, trainable or not */
    int64_t flops;            /* of the forward pass, per row */
    bool trainable;
} fire_layer_info;
FIRE_API int fire_network_layers(const fire_network *net);
FIRE_API fire_status fire_network_layer(const fire_network *net, int i, fire_layer_info *info, fire_error *err);
FIRE_API fire_status fire_network_set_trainable(fire_network *net, int layer, bool trainable, fire_error *err);

/* fire_network_reset_states - what stateful layers keep from batch to batch becomes
** zero: of one layer, or of all (-1). Fails where none is kept. */
FIRE_API fire_status fire_network_reset_states(fire_network *net, int32_t layer, fire_error *err);

typedef struct fire_weight_info {
    const char *name;      /* "dense/kernel" */
    int32_t layer;         /* index of its layer */
    bool trainable, ready; /* ready: has a value */
    fire_tensor value;     /* data borrowed until the network changes */
} fire_weight_info;
/* Weights come in the order of Keras' get_weights(). */
FIRE_API int fire_network_weights(const fire_network *net);
FIRE_API fire_status fire_network_weight(const fire_network *net, int i, fire_weight_info *info, fire_error *err);
/* fire_network_set_weight - copy a value in; any float type, the same shape. */
FIRE_API fire_status fire_network_set_weight(fire_network *net, int i, const fire_tensor *value, fire_error *err);

typedef struct fire_network_info {
    fire_type type;
    bool built, compiled, loaded_as_onnx; /* loaded_as_onnx: a plain graph without layers */
    fire_shape input, output;  /* batch as -1 */
    int64_t params, trainable_params, flops, block_rows; /* block_rows: scoring block */
    int64_t step, epoch;       /* updates made and epochs finished by the optimizer */
    bool has_logits;           /* the last activation is softmax or sigmoid */
    bool chain;                /* every layer is used once, by the next one */
    int32_t n_inputs, n_outputs;
    const char *loss, *optimizer, *metrics; /* canonical texts of compile, or "" ; borrowed */
    const char *no_layers;     /* loaded_as_onnx: what in the file stands against layers; "": nothing; borrowed */
} fire_network_info;
FIRE_API void fire_network_info_get(const fire_network *net, fire_network_info *info);

/* fire_network_compile - choose how to train. `metrics` is NULL or texts
** separated by newlines. Resets the optimizer's state. */
FIRE_API fire_status fire_network_compile(fire_network *net, const char *optimizer, const char *loss,
                                          const char *metrics, fire_error *err);
FIRE_API fire_status fire_network_set_learning_rate(fire_network *net, double rate, fire_error *err);
FIRE_API double fire_network_learning_rate(const fire_network *net);

/* fire_schedule_rate - the learning rate that a schedule, "CosineDecay initial_learning_rate=0.1 decay_steps=1000", gives update `step`, from 0. Such
** a text may also be the learning_rate of an optimizer, in double quotes. */
FIRE_API fire_status fire_schedule_rate(const char *schedule, int64_t step, double *rate, fire_error *err);

/* fire_network_metric - name of the i-th result of fit and evaluate: "loss",
** then the metrics ("accuracy" ...); NULL past the last. Borrowed. */
FIRE_API const char *fire_network_metric(const fire_network *net, int i);

/* ---- data: rows to train on or to score ------------------------------------ */

/* The Arrow C Data Interface, from its specification
** (arrow.apache.org/docs/format/CDataInterface.html). */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

typedef enum fire_invalid { FIRE_INVALID_ERROR, FIRE_INVALID_SKIP, FIRE_INVALID_KEEP } fire_invalid;

/* Which columns play which part. Strings are copied. */
typedef struct fire_columns {
    const char *const *features; /* joined in this order into one row of x; NULL ends them */
    const char *const *labels;   /* joined into one row of y; NULL or empty: none */
    const char *weight;          /* NULL: every row weighs 1 */
    const char *validation;      /* boolean column, true: a validation row; NULL: none */
    fire_invalid invalid;        /* what to do with nulls, NaN and infinities */
} fire_columns;

/* A fire_dataset is a list of rows in chunks. Arrays and Arrow batches are kept
** where they are, without a copy; fire_dataset_pack and fire_dataset_deal make
** their own dense copy. */
typedef struct fire_dataset fire_dataset;
FIRE_API fire_status fire_dataset_new(fire_context *ctx, fire_dataset **out, fire_error *err);
FIRE_API void fire_dataset_free(fire_dataset *data);

/* fire_dataset_add - append rows held in arrays. x is [n, ...], y [n] or [n, k]
** or NULL, w [n] or NULL. The arrays are borrowed until the dataset is freed. */
FIRE_API fire_status fire_dataset_add(fire_dataset *data, const fire_tensor *x, const fire_tensor *y,
                                      const fire_tensor *w, fire_error *err);

/* fire_dataset_add_arrow - append a record batch (a struct array). Numbers and
** booleans, lists of them (list, large list, fixed size), and Spark's ML vectors
** (struct<type, size, indices, values>) become features. On success the array
** is moved into the dataset (array->release is NULL afterwards) and the schema is
** left to the caller; on failure both are untouched. Every chunk must give
** rows of the same width. */
FIRE_API fire_status fire_dataset_add_arrow(fire_dataset *data, const struct ArrowSchema *schema,
                                            struct ArrowArray *batch, const fire_columns *columns, fire_error *err);

/* fire_dataset_pad - before rows are added: bring lists to the length of the
** network's inputs where an Input asks for it (padding=pre or post). Column i is
** for input i; tables with another number of feature columns are left as they are. */
FIRE_API fire_status fire_dataset_pad(fire_dataset *data, const struct fire_network *net, fire_error *err);

/* fire_dataset_pack - like fire_dataset_add_arrow, but convert the rows to `type`
** at once and release the batch, so that memory holds each row once. */
FIRE_API fire_status fire_dataset_pack(fire_dataset *data, fire_type type, const struct ArrowSchema *schema,
                                       struct ArrowArray *batch, const fire_columns *columns, fire_error *err);

/* fire_dataset_cache - before rows are added: what is packed beyond `memory` bytes lies on local disk, in files of no name in `folder`. Training
** reads it through the page cache in the order that it wants, window after window of about `window` bytes, so that the process stays as small as it is.
** The rows of each step, and so the bits, are the same as in memory. */
FIRE_API fire_status fire_dataset_cache(fire_dataset *data, const char *folder, int64_t memory, int64_t window, fire_error *err);

typedef struct fire_dataset_info {
    int64_t rows, validation_rows; /* rows: all but the validation rows */
    int64_t skipped;               /* rows left out by FIRE_INVALID_SKIP */
    fire_shape x, y;               /* of one row, without the batch */
    bool has_y, has_w;
    int64_t on_disk;               /* bytes that lie on local disk (fire_dataset_cache) */
} fire_dataset_info;
FIRE_API void fire_dataset_info_get(const fire_dataset *data, fire_dataset_info *info);

/* fire_dataset_source - which row, counted over all that were added (packed: kept) from 0, the training or validation row is; -1 past
** the end. Tells which rows FIRE_INVALID_SKIP left. */
FIRE_API int64_t fire_dataset_source(const fire_dataset *data, bool validation, int64_t row);

/* fire_dataset_split - move a share of the rows, 0 < fraction < 1, chosen by (seed, row id),
** to the validation rows. Keras takes the last rows instead: `last` does that. */
FIRE_API fire_status fire_dataset_split(fire_dataset *data, double fraction, uint64_t seed, bool last, fire_error *err);

/* ---- workers ---------------------------------------------------------------- */

/* fire_comm connects the processes that train one network. Peers prove that they
** know a 128-bit secret before anything else they say is read; the place where
** TLS will wrap the sockets is fire_comm_open. */
typedef struct fire_comm fire_comm;

/* fire_comm_listen - open a port on `host` (an address of this machine; NULL: all). Its
** "host:port" is copied into address[capacity]. */
FIRE_API fire_status fire_comm_listen(fire_context *ctx, const char *host, char *address, size_t capacity,
                                      fire_comm **out, fire_error *err);

/* fire_comm_open - meet the other ranks at addresses[size], in rank order. A peer silent
** for `deadline` seconds, here or in a later call, fails the call; the message
** names its rank and address. In later calls, four times what this rank itself took since
** the call before is added: whoever computes for minutes waits for slower peers. */
FIRE_API fire_status fire_comm_open(fire_comm *comm, int32_t rank, int32_t size, const char *const *addresses,
                                    const uint8_t secret[16], double deadline, fire_error *err);
FIRE_API void fire_comm_free(fire_comm *comm);
FIRE_API int32_t fire_comm_rank(const fire_comm *comm); /* NULL comm: 0 */
FIRE_API int32_t fire_comm_size(const fire_comm *comm); /* NULL comm: 1 */
FIRE_API int64_t fire_comm_sent(const fire_comm *comm); /* bytes that this rank has sent in calls so far; NULL comm: 0 */

/* fire_comm_sum - replace buf[n] (F32, F64 or I64) on every rank by the sum over
** ranks. Terms are added in the same tree by rank everywhere, so every rank
** gets the same bits, run after run. */
FIRE_API fire_status fire_comm_sum(fire_comm *comm, fire_type type, void *buf, int64_t n, fire_error *err);

/* fire_comm_broadcast - copy buf from `root` to every rank. */
FIRE_API fire_status fire_comm_broadcast(fire_comm *comm, int32_t root, void *buf, size_t bytes, fire_error *err);

/* fire_comm_gather - give every rank each rank's `bytes` bytes, in rank order, in all[size * bytes]. */
FIRE_API fire_status fire_comm_gather(fire_comm *comm, const void *mine, size_t bytes, void *all, fire_error *err);

/* fire_comm_exchange - send bytes[r] bytes at send[r] to each rank r; what rank r sent arrives at
** recv[r], received[r] bytes long, in memory of the context that the caller frees with
** fire_comm_release. */
FIRE_API fire_status fire_comm_exchange(fire_comm *comm, const void *const *send, const size_t *bytes,
                                        void **recv, size_t *received, fire_error *err);
FIRE_API void fire_comm_release(fire_comm *comm, void *recv);

/* fire_comm_fail - tell every peer why this rank gives up, so that their next call fails with
** this text instead of a lost connection. Best effort, never blocks for long. */
FIRE_API void fire_comm_fail(fire_comm *comm, const fire_error *why);

/* fire_dataset_deal - give every row an id from its bytes (equal rows are numbered) and move it to
** the shard, and so the rank, that the id chooses: afterwards rows and their order depend on
** the table alone. `shards` 0: as many as ranks. Packed datasets only. */
FIRE_API fire_status fire_dataset_deal(fire_dataset *data, fire_comm *comm, int32_t shards, fire_error *err);

/* ---- training ---------------------------------------------------------------- */

/* FIRE_CHECKPOINT: one is due, and who listens writes it. FIRE_VALIDATION: validation rows were evaluated in the middle of an epoch. */
typedef enum fire_event { FIRE_BATCH_END, FIRE_EPOCH_END, FIRE_CHECKPOINT, FIRE_VALIDATION } fire_event;

#define FIRE_MAX_RESULTS 256

typedef struct fire_progress {
    fire_event event;
    int32_t epoch, epochs;         /* epoch counts from 0 */
    int64_t step, steps;           /* of this epoch; steps done, steps in all */
    int64_t rows;                  /* of the whole table, done in this epoch */
    double seconds;                /* since the epoch began */
    int32_t n_results;             /* loss and metrics, in the order of fire_network_metric */
    double result[FIRE_MAX_RESULTS];     /* running means over the epoch */
    bool has_validation;           /* at the end of an epoch, and with FIRE_VALIDATION */
    double validation[FIRE_MAX_RESULTS];
    double learning_rate;
} fire_progress;

/* What of the gradients travels between workers. What is left out is not lost: each worker keeps it and adds it to what it sends next. */
typedef enum fire_compression {
    FIRE_COMPRESS_NONE,
    FIRE_COMPRESS_BF16,      /* rounded to 16 bits: half the bytes of float32 */
    FIRE_COMPRESS_THRESHOLD, /* those beyond a threshold, as multiples of it; the threshold follows from compression_ratio */
} fire_compression;

typedef struct fire_fit_options {
    size_t size;            /* sizeof(fire_fit_options) */
    int32_t epochs;         /* 0: 1 */
    int32_t initial_epoch;
    int64_t batch_size;     /* of all workers together; 0: 32 */
    uint64_t seed;
    bool no_shuffle;
    bool reproducible;      /* eight fixed shards: bits do not depend on threads or workers */
    const double *class_weight; /* one factor per class, or NULL */
    int32_t n_class_weight;
    struct {                /* stop when `monitor` no longer gets better; NULL: never */
        const char *monitor;  /* "val_loss", "loss", "val_accuracy" ... */
        int32_t patience, start_from_epoch;
        double min_delta;
        bool maximize, restore_best;
    } stop;
    const char *checkpoint_dir;  /* write checkpoints there; NULL: none, or those that progress writes at FIRE_CHECKPOINT */
    fire_comm *comm;             /* NULL: this process alone */
    /* Called at the end of each epoch and at most ten times a second between; another
    ** value than 0 ends the fit after this step with FIRE_CANCELLED, weights kept (with restore_best: those
    ** of the best epoch). The network may be read, and its learning rate set, from inside at the end of an epoch. */
    int (*progress)(void *user, const fire_progress *p);
    void *user;
    int32_t checkpoint_epochs;   /* write one after every so many epochs; 0: 1, and without checkpoint_dir never */
    int32_t checkpoint_steps;    /* and one after every so many steps of the training, in the middle of an epoch too; 0: none. Not where layers keep states */
    int64_t initial_step;        /* steps of the initial epoch that the loaded checkpoint has behind it ("epoch_step" in its manifest) */
    /* Several workers. local_steps k > 1: each worker takes k steps by itself, with its rows of each batch, then weights are averaged, and so is the
    ** optimizer's state (own_state: only at the end of an epoch; with compression always so). 0 and 1: gradients are summed in each step, which is
    ** exact. Neither this nor compression goes with `reproducible` or L-BFGS. */
    int32_t local_steps;
    bool own_state;
    fire_compression compression;
    double compression_ratio;    /* of FIRE_COMPRESS_THRESHOLD: bytes sent, as a share of those without compression; 0: 1/16 */
    /* When to end (besides `epochs` and `stop`), to evaluate validation rows (NULL: after each epoch) and to write checkpoints (NULL: as checkpoint_epochs
    ** and checkpoint_steps say), as text: every_epoch, several_iteration=N, max_epoch=N, max_iteration=N, min_loss=X (of a step), max_score=X (the first metric of
    ** the last validation), and behind two of them `and` or `or`: "max_epoch=5 min_loss=0.1 or". Looked at after each step, with local_steps at each averaging.
    ** Asked at the end of an epoch every_epoch is true; a checkpoint is always written when training ends. */
    const char *end_trigger, *validation_trigger, *checkpoint_trigger;
} fire_fit_options;

typedef struct fire_fit_report {
    int32_t epochs_run, best_epoch; /* best_epoch: -1 without `stop` */
    bool stopped_early;
    int64_t steps, rows;     /* updates made; rows seen, all epochs and workers together */
    double seconds;
    int64_t bytes_sent;      /* by all workers, in steps and at the end of epochs */
} fire_fit_report;

/* fire_fit - train. Builds the network from the data's shape and draws missing weights first;
** adapts Normalization layers that are not adapted. Validation rows of `data` are
** evaluated after each epoch. A loss that becomes NaN or infinite ends it on every
** rank together with FIRE_DIVERGED, the weights of the last good epoch put back.
** report may be NULL. */
FIRE_API fire_status fire_fit(fire_network *net, fire_dataset *data, const fire_fit_options *options,
                              fire_fit_report *report, fire_error *err);

/* fire_evaluate - loss and metrics over all rows, in the order of fire_network_metric, into
** results[FIRE_MAX_RESULTS]. */
FIRE_API fire_status fire_evaluate(fire_network *net, fire_dataset *data, fire_comm *comm, double *results, fire_error *err);

/* fire_gradients - the reduced total loss over all rows as one batch, then its gradients: weights[i] for
** each of fire_network_weight's (zeros where not trainable), and input, [rows, ...]; NULL: not wanted.
** Buffers are the caller's, of the network's type. training: dropout and the like are active. */
FIRE_API fire_status fire_gradients(fire_network *net, fire_dataset *data, bool training, double *loss,
                                    void *const *weights, void *input, fire_error *err);

/* fire_adapt - let every layer that learns from data without gradients (Normalization) do so. */
FIRE_API fire_status fire_adapt(fire_network *net, fire_dataset *data, fire_comm *comm, fire_error *err);

/* ---- scoring ------------------------------------------------------------------ */

/* fire_predict - outputs of every row, in order, [rows, ...] of the network's type, into y; logits (what
** the last softmax or sigmoid sees) into logits unless it is NULL. Rows are computed in
** blocks of fixed size, so a row's bits depend on nothing but the row and the model. */
FIRE_API fire_status fire_predict(fire_network *net, fire_dataset *data, void *y, void *logits, fire_error *err);

/* fire_predict_row - one row, x and y of the network's type: the fast path for serving. Agrees with
** fire_predict to 1e-6. */
FIRE_API fire_status fire_predict_row(fire_network *net, const void *x, void *y, fire_error *err);
/* fire_row_bytes - bytes of one row that goes in and of one that comes out, as fire_predict_row has them; 0 while the shape is not known. */
FIRE_API void fire_row_bytes(const fire_network *net, size_t *in, size_t *out);

/* A tensor with a name. */
typedef struct fire_named { const char *name; fire_tensor tensor; } fire_named;

/* fire_run - compute a model that came from an ONNX file of other software: one tensor for each of its inputs, by name, dense, of any type that
** the file says; all outputs come back, in one block of memory of the context that the caller frees with fire_release(ctx, *out). */
FIRE_API fire_status fire_run(fire_network *net, int32_t n_in, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err);

/* fire_run_rows - compute it once for each of `rows` rows, at least one: inputs are tensors of numbers [rows, ...], of which each run sees one row, and
** outputs come back as [rows, ...], with one shape for all rows. Memory as for fire_run. */
FIRE_API fire_status fire_run_rows(fire_network *net, int64_t rows, int32_t n_in, const fire_named *in, fire_named **out, int32_t *n_out, fire_error *err);

/* fire_run_port - name (to[capacity]), type and shape (-1: free) of the i-th input or output of such a model; FIRE_USAGE past the last, or
** if the network is no such model. */
FIRE_API fire_status fire_run_port(const fire_network *net, bool output, int32_t i, fire_tensor *shape, char *to, size_t capacity);

/* ---- files -------------------------------------------------------------------- */

/* fire_save - write the network as an ONNX file for inference; layers and compile settings ride in its
** metadata. Written to a temporary file, synced, renamed. */
FIRE_API fire_status fire_save(const fire_network *net, const char *path, fire_error *err);

/* fire_save_bytes - the same into memory of the context; free with fire_release. */
FIRE_API fire_status fire_save_bytes(const fire_network *net, void **bytes, size_t *size, fire_error *err);
FIRE_API void fire_release(fire_context *ctx, void *bytes);

/* fire_load - read a model file, or a checkpoint folder with its optimizer state and position. An ONNX file of other software is mapped, and its
** tensors are read when they are first computed with: replace such a file by rename, for who cuts it short meanwhile ends the process with SIGBUS.
** Weights that it keeps in other files must lie in its folder or below, behind no link. From memory such files are found in `dir`. */
FIRE_API fire_status fire_load(fire_context *ctx, const char *path, fire_network **out, fire_error *err);

/* fire_load_part - of a TensorFlow graph or SavedModel, a part: names of the tensors that are fed and of those that come back ("node" or "node:1";
** none: the placeholders, and what nobody reads), or a signature of the SavedModel (NULL: serving_default). Of an ONNX file of other software, tensors
** that come back in place of its outputs. Of a net of Caffe, `weights` is the path of the caffemodel whose blobs its layers take by their names; NULL:
** they are in the net itself. part NULL: all. */
typedef struct fire_part { const char *signature; int32_t n_inputs, n_outputs; const char *const *inputs, *const *outputs; const char *weights; } fire_part;
FIRE_API fire_status fire_load_part(fire_context *ctx, const char *path, const fire_part *part, fire_network **out, fire_error *err);
FIRE_API fire_status fire_load_bytes(fire_context *ctx, const void *bytes, size_t size, fire_network **out, fire_error *err);
FIRE_API fire_status fire_load_bytes_in(fire_context *ctx, const void *bytes, size_t size, const char *dir, fire_network **out, fire_error *err);

/* fire_network_notes - text that travels in the model file under `key` ("columns", "classes" ...); NULL
** when there is none. Borrowed until set again. Setting NULL removes. */
FIRE_API const char *fire_network_note(const fire_network *net, const char *key);
FIRE_API fire_status fire_network_set_note(fire_network *net, const char *key, const char *text, fire_error *err);

/* fire_save_checkpoint - write model.onnx, state.safetensors and manifest.json into a folder, each by
** temporary file, sync and rename, the manifest last: a crash leaves the old checkpoint or the new. */
FIRE_API fire_status fire_save_checkpoint(const fire_network *net, const char *dir, fire_error *err);

/* fire_state_bytes - the optimizer's state as a safetensors file: tensors "slot0/dense/kernel" ..., step, epoch, seed and optimizer as texts. Free
** with fire_release. fire_state_set - take it back into a network compiled alike; on failure nothing has changed. */
FIRE_API fire_status fire_state_bytes(const fire_network *net, void **bytes, size_t *size, fire_error *err);
FIRE_API fire_status fire_state_set(fire_network *net, const void *bytes, size_t size, fire_error *err);

/* fire_safetensors_index - tell `each` of every tensor of a safetensors file in memory: its name, type, shape, and where its bytes lie; then of every text
** of its __metadata__, with data NULL and the text in `text`. Strict: no gap, overlap, or name twice. */
typedef struct fire_tensor_entry { const char *name, *text; const char *type; fire_shape shape; const void *data; size_t bytes; } fire_tensor_entry;
typedef int fire_each_tensor(void *user, const fire_tensor_entry *entry); /* not 0: stop */
FIRE_API fire_status fire_safetensors_index(fire_context *ctx, const void *bytes, size_t size, fire_each_tensor *each, void *user, fire_error *err);

/* fire_function_shapes - types and shapes of what the program of a Function layer or loss (src/function.h) gives for inputs of these types and shapes (-1:
** the batch), into out[capacity]; data is not looked at. For front ends that trace functions. */
FIRE_API fire_status fire_function_shapes(fire_context *ctx, fire_type type, const char *body, int32_t n_in, const fire_tensor *in,
                                          int32_t capacity, fire_tensor *out, int32_t *n_out, fire_error *err);

/* ---- records: TFRecord files, examples in them, TensorBoard's event files ------ */

/* A TFRecord file is a list of byte strings with their CRCs, plain or packed by gzip or zlib, which is told by its first bytes. Reading takes
** memory for one record; a packed file's record has at most 40 MiB and twice the file. What is broken is named with file, record and
** offset (in the unpacked bytes). */
typedef struct fire_records fire_records;
FIRE_API fire_status fire_records_open(fire_context *ctx, const char *path, fire_records **out, fire_error *err);
/* fire_records_next - the next record, borrowed until the next call; *bytes NULL after the last one. After a failure the next call goes on behind the record, if only the CRC
** of its bytes is wrong (*bytes are those that are there); else no next record can be found, and the file counts as read. */
FIRE_API fire_status fire_records_next(fire_records *r, const void **bytes, size_t *size, fire_error *err);
/* fire_records_range - before the first record: give only records that begin at bytes [from, to). The way there is walked by the records' lengths, so that no bytes are taken
** for a record that are none. All records of a packed file are in the range that begins at 0. */
FIRE_API fire_status fire_records_range(fire_records *r, int64_t from, int64_t to, fire_error *err);
FIRE_API void fire_records_close(fire_records *r);

/* fire_record_writer_open - a TFRecord file. It appears under its name, replacing what was there, when it is closed with `keep`; with `live` it is written in place, and
** what was flushed can be read while it grows. After a failure every further call fails; close is due. */
typedef enum fire_packing { FIRE_PLAIN, FIRE_GZIP, FIRE_ZLIB } fire_packing;
typedef struct fire_record_writer fire_record_writer;
FIRE_API fire_status fire_record_writer_open(fire_context *ctx, const char *path, fire_packing packing, bool live, fire_record_writer **out, fire_error *err);
FIRE_API fire_status fire_record_writer_add(fire_record_writer *w, const void *bytes, size_t size, fire_error *err);
FIRE_API fire_status fire_record_writer_flush(fire_record_writer *w, fire_error *err); /* live files only */
FIRE_API fire_status fire_record_writer_close(fire_record_writer *w, bool keep, fire_error *err); /* NULL is fine */

/* tf.train.Example and tf.train.SequenceExample: features by name, each a list of texts, float32 or int64. */
typedef enum fire_feature_kind { FIRE_FEATURE_EMPTY, FIRE_FEATURE_BYTES, FIRE_FEATURE_FLOAT, FIRE_FEATURE_INT } fire_feature_kind;
typedef struct fire_bytes { const void *bytes; size_t size; } fire_bytes;
typedef struct fire_feature {
    const char *name; size_t name_size; /* UTF-8, not terminated */
    fire_feature_kind kind;
    int64_t n; const void *values;      /* fire_bytes, float or int64_t [n] */
    bool list;                          /* of feature_lists: */
    int64_t n_steps; const int64_t *steps; /* how many of the values each step has */
} fire_feature;
typedef struct fire_example { bool sequence; int64_t n; const fire_feature *feature; } fire_example; /* sorted by list, then by name */
/* fire_example_read - decode one; texts are borrowed from `bytes`, the rest is freed with fire_example_free. */
FIRE_API fire_status fire_example_read(fire_context *ctx, const void *bytes, size_t size, fire_example **out, fire_error *err);
FIRE_API void fire_example_free(fire_context *ctx, fire_example *example);
/* fire_example_write - encode one, its features in the order given; free with fire_release. */
FIRE_API fire_status fire_example_write(fire_context *ctx, const fire_example *example, void **bytes, size_t *size, fire_error *err);

/* Examples as columns, many records at a time, as Arrow lays them out. A column takes the feature of its name: `lists` 0: one value a record; 1: a list of values;
** 2: a list of lists, from the feature_lists of a SequenceExample. `type` is Arrow's letter: l i s c (whole numbers of 64 to 8 bits), b (0 is false), f, g, u (UTF-8) or z
** (bytes). A feature that a record lacks is null; numbers are taken as whole numbers if they fit, as floats always. A record is malformed when a CRC is wrong, when it
** is no example, or when a feature does not fit its column. */
typedef struct fire_examples fire_examples;
typedef struct fire_example_column { const char *name; char type; int32_t lists; } fire_example_column;
typedef enum fire_malformed { FIRE_MALFORMED_FAIL, FIRE_MALFORMED_NULL, FIRE_MALFORMED_DROP } fire_malformed; /* stop; a row of nulls; left out */
/* fire_examples_new - `blame` is the number of a column of u or z, or -1: of rows of nulls it gets the reason, or the record's bytes. */
FIRE_API fire_status fire_examples_new(fire_context *ctx, int32_t n, const fire_example_column *column, fire_malformed malformed, int32_t blame, fire_examples **out, fire_error *err);
FIRE_API void fire_examples_free(fire_examples *e);
/* fire_examples_read - replace the rows by the next ones of a file: at most `rows`, and no more once they have `bytes` bytes. *n 0: the file is at its end. */
FIRE_API fire_status fire_examples_read(fire_examples *e, fire_records *r, int64_t rows, int64_t bytes, int64_t *n, fire_error *err);
/* fire_examples_column - buffers of column i, borrowed until the next read: a bitmap of rows that are not null; for each list the [n + 1] offsets into what is inside;
** n_values values (b: bits), or for texts [n_values + 1] offsets into data. */
typedef struct fire_example_buffers {
    int64_t nulls; const uint8_t *valid;
    int64_t n_lists[2]; const int32_t *offsets[2];
    int64_t n_values, data_bytes; const int32_t *texts; const void *data;
} fire_example_buffers;
FIRE_API void fire_examples_column(const fire_examples *e, int32_t i, fire_example_buffers *out);

/* What features the examples of files have: to make columns of. `kinds` has bit 1 << kind for each kind met in a record; `most` is the largest number of values (of steps in a list), `least` the
** smallest in a record that has the feature; texts: all are UTF-8. */
typedef struct fire_feature_survey fire_feature_survey;
typedef struct fire_feature_summary { const char *name; bool list; uint32_t kinds; int64_t least, most, records; bool texts; } fire_feature_summary;
FIRE_API fire_status fire_feature_survey_new(fire_context *ctx, fire_feature_survey **out, fire_error *err);
FIRE_API void fire_feature_survey_free(fire_feature_survey *s);
/* fire_feature_survey_add - look at up to `limit` records; malformed ones fail, or with `malformed` given are counted there. *seen: how many were looked at. */
FIRE_API fire_status fire_feature_survey_add(fire_feature_survey *s, fire_records *r, int64_t limit, int64_t *malformed, int64_t *seen, fire_error *err);
/* fire_feature_survey_get - feature i in the order of names, borrowed; false behind the last. */
FIRE_API bool fire_feature_survey_get(const fire_feature_survey *s, int64_t i, fire_feature_summary *out);

/* fire_record_writer_add_arrow - each row of a record batch (a struct array, borrowed) as an example, with its columns in the order of their names. Whole numbers and booleans
** become int64, floats float32, texts and bytes bytes; lists of them lists; of lists of lists, or with `sequence`, a SequenceExample is made. Nulls are left out. */
FIRE_API fire_status fire_record_writer_add_arrow(fire_record_writer *w, const struct ArrowSchema *schema, const struct ArrowArray *batch, bool sequence, fire_error *err);

/* Event files, which TensorBoard shows: scalars and distributions by tag and step. The writer is one of records, live; `time` is seconds
** since 1970. The first event of a file is fire_event_version's. */
FIRE_API fire_status fire_event_version(fire_record_writer *w, double time, fire_error *err);
FIRE_API fire_status fire_event_scalar(fire_record_writer *w, double time, int64_t step, const char *tag, float value, fire_error *err);
FIRE_API fire_status fire_event_histogram(fire_record_writer *w, double time, int64_t step, const char *tag, const fire_tensor *values, fire_error *err); /* F32 or F64 */

/* ---- looking inside ------------------------------------------------------------ */

/* fire_write - receives text piece by piece. */
typedef void fire_write(void *user, const char *text, size_t bytes);

/* fire_explain_plan - which kernel each node of the scoring graph (or of the training step) got, with
** shapes, and why others declined. */
FIRE_API fire_status fire_explain_plan(fire_network *net, int64_t batch, bool training, fire_write *write, void *user, fire_error *err);

/* fire_explain_run - the same for fire_run: shapes (types and numbers are not looked at) of inputs whose sizes the file leaves open; of those
** not named the first dimension, if it is open, is `batch` (0: 1). Where numbers of a run decide shapes they are taken to be zeros. */
FIRE_API fire_status fire_explain_run(fire_network *net, int64_t batch, int32_t n, const fire_named *shapes, fire_write *write, void *user, fire_error *err);

/* fire_catalog - every operator, layer, loss, metric, optimizer and initializer with its attributes, one
** JSON object a line: {"kind": "layer", "name": "Dense", "help": "...", "attrs": [{"name": "units", "type":
** "int", "default": 1, "min": 1, "max": 16777216, "help": "..."}]}. */
FIRE_API void fire_catalog(fire_write *write, void *user);

#ifdef __cplusplus
}
#endif
#endif
