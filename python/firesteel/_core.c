/* _core.c - handles, buffers, Arrow capsules and errors for Python.
**
** One Python type per handle of firesteel.h, methods named after its functions. No logic: what to call when is
** decided in the .py files beside this one, which are the only callers. The stable ABI of CPython 3.11.
**
** Threads.   The GIL is released around every call that can take long. A network has a lock, so that Python threads may share
**            one; the progress callback runs inside the fit's own lock and may read the network but not change it.
** Lifetimes. A handle keeps the context and every buffer alive that it was made from. Arrow structs are moved out of their
**            capsules, which stay valid and empty.
*/
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "firesteel.h"

typedef struct module_state { PyTypeObject *context, *network, *dataset, *comm; } module_state;

typedef struct { PyObject_HEAD fire_context *ctx; } Context;
typedef struct { PyObject_HEAD Context *context; fire_network *net; pthread_mutex_t lock; int fitting; } Network;
typedef struct { PyObject_HEAD Context *context; fire_dataset *data; Py_buffer *view; Py_ssize_t n_views; } Dataset;
typedef struct { PyObject_HEAD Context *context; fire_comm *comm; } Comm;

static module_state *state_of(PyObject *self) { return PyType_GetModuleState(Py_TYPE(self)); }

/* ---- errors ---------------------------------------------------------------- */

/* raise_code - the exception that firesteel.errors makes of a code and a message; always NULL. */
static PyObject *raise_code(int code, const char *message) {
    PyObject *text = PyUnicode_DecodeUTF8(message, (Py_ssize_t)strlen(message), "replace");
    PyObject *errors = text ? PyImport_ImportModule("firesteel.errors") : NULL;
    PyObject *made = errors ? PyObject_CallMethod(errors, "make", "iO", code, text) : NULL;
    if (made) PyErr_SetObject((PyObject *)Py_TYPE(made), made);
    Py_XDECREF(made);
    Py_XDECREF(errors);
    Py_XDECREF(text);
    return NULL;
}

static PyObject *raise_error(const fire_error *err) { return raise_code(err->code, err->message); }

/* ---- buffers ---------------------------------------------------------------- */

/* type_of - the engine's type of a buffer's elements, FIRE_NO_TYPE for one that it does not know. */
static fire_type type_of(const Py_buffer *view) {
    const char *f = view->format ? view->format : "B";
    if (*f == '@' || *f == '=' || *f == '<') f++; /* every CPU that we build for is little-endian */
    if (!f[0] || f[1]) return FIRE_NO_TYPE;
    switch (f[0]) {
    case 'f': return view->itemsize == 4 ? FIRE_F32 : FIRE_NO_TYPE;
    case 'd': return view->itemsize == 8 ? FIRE_F64 : FIRE_NO_TYPE;
    case '?': return FIRE_BOOL;
    case 'B': case 'H':
        return view->itemsize == 1 ? FIRE_U8 : view->itemsize == 2 ? FIRE_U16 : FIRE_NO_TYPE;
    case 'b': case 'h': case 'i': case 'l': case 'q':
        return view->itemsize == 1 ? FIRE_I8 : view->itemsize == 2 ? FIRE_I16 : view->itemsize == 4 ? FIRE_I32 : FIRE_I64;
    default: return FIRE_NO_TYPE;
    }
}

/* tensor_get - a dense row-major buffer as a tensor that borrows it; release the view when done. 0, or -1 with an exception. */
static int tensor_get(PyObject *object, const char *what, int writable, Py_buffer *view, fire_tensor *t) {
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0))) return -1;
    *t = (fire_tensor){.type = type_of(view), .shape.rank = view->ndim, .data = view->buf};
    if (t->type == FIRE_NO_TYPE)
        PyErr_Format(PyExc_TypeError, "%s: elements of format '%s' are not numbers that the engine reads", what, view->format ? view->format : "");
    else if (view->ndim > FIRE_MAX_RANK)
        PyErr_Format(PyExc_ValueError, "%s: %d dimensions; at most %d", what, view->ndim, FIRE_MAX_RANK);
    else {
        for (int i = 0; i < view->ndim; i++) t->shape.dim[i] = view->shape[i];
        return 0;
    }
    PyBuffer_Release(view);
    return -1;
}

static PyObject *shape_tuple(const fire_shape *s) {
    PyObject *tuple = PyTuple_New(s->rank);
    for (int i = 0; tuple && i < s->rank; i++) {
        PyObject *n = PyLong_FromLongLong(s->dim[i]);
        if (!n || PyTuple_SetItem(tuple, i, n)) Py_CLEAR(tuple);
    }
    return tuple;
}

/* shape_read - a sequence of sizes without the batch. */
static int shape_read(PyObject *sequence, fire_shape *s) {
    Py_ssize_t n = PySequence_Size(sequence);
    if (n < 0) return -1;
    if (n > FIRE_MAX_RANK - 1) {
        PyErr_Format(PyExc_ValueError, "a shape of %zd dimensions; at most %d besides the batch", n, FIRE_MAX_RANK - 1);
        return -1;
    }
    s->rank = (int32_t)n;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PySequence_GetItem(sequence, i);
        if (!item) return -1;
        s->dim[i] = PyLong_AsLongLong(item);
        Py_DECREF(item);
        if (s->dim[i] == -1 && PyErr_Occurred()) return -1;
    }
    return 0;
}

/* elements - numbers in one row of a shape with the batch in front. */
static int64_t elements(const fire_shape *s) {
    int64_t n = 1;
    for (int i = 1; i < s->rank; i++) n *= s->dim[i];
    return n;
}

/* Text that a fire_write collects. */
typedef struct text_buffer { char *text; size_t used, capacity; int failed; } text_buffer;

static void text_write(void *user, const char *text, size_t bytes) {
    text_buffer *b = user;
    if (b->failed) return;
    if (b->capacity - b->used < bytes) {
        size_t capacity = (b->used + bytes) * 2;
        char *grown = realloc(b->text, capacity);
        if (!grown) { b->failed = 1; return; }
        b->text = grown;
        b->capacity = capacity;
    }
    memcpy(b->text + b->used, text, bytes);
    b->used += bytes;
}

static PyObject *text_take(text_buffer *b) {
    PyObject *text = b->failed ? PyErr_NoMemory() : PyUnicode_DecodeUTF8(b->text ? b->text : "", (Py_ssize_t)b->used, "replace");
    free(b->text);
    return text;
}

/* ---- Context ------------------------------------------------------------------ */

static PyObject *context_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"threads", "isa", "reference_only", NULL};
    int threads = 0, isa = 0, reference_only = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iip:Context", names, &threads, &isa, &reference_only)) return NULL;
    fire_config config = {.size = sizeof config, .threads = threads, .isa = isa, .reference_only = reference_only};
    fire_error err;
    fire_context *ctx;
    if (fire_context_new(&config, &ctx, &err)) return raise_error(&err);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Context *self = (Context *)alloc(type, 0);
    if (!self) fire_context_free(ctx);
    else self->ctx = ctx;
    return (PyObject *)self;
}

/* free_object - give back the memory of a heap type's instance and its hold on the type. */
static void free_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static void context_dealloc(PyObject *self) {
    fire_context_free(((Context *)self)->ctx);
    free_object(self);
}

static PyObject *context_set_threads(PyObject *self, PyObject *args) {
    int threads;
    fire_error err;
    if (!PyArg_ParseTuple(args, "i:set_threads", &threads)) return NULL;
    if (fire_set_threads(((Context *)self)->ctx, threads, &err)) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyMethodDef context_methods[] = {
    {"set_threads", context_set_threads, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot context_slots[] = {
    {Py_tp_new, context_new}, {Py_tp_dealloc, context_dealloc}, {Py_tp_methods, context_methods}, {0, NULL},
};
static PyType_Spec context_spec = {"firesteel._core.Context", sizeof(Context), 0, Py_TPFLAGS_DEFAULT, context_slots};

/* ---- Dataset -------------------------------------------------------------------- */

static PyObject *dataset_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"context", NULL};
    module_state *m = PyType_GetModuleState(type);
    Context *context;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!:Dataset", names, m->context, &context)) return NULL;
    fire_error err;
    fire_dataset *data;
    if (fire_dataset_new(context->ctx, &data, &err)) return raise_error(&err);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Dataset *self = (Dataset *)alloc(type, 0);
    if (!self) {
        fire_dataset_free(data);
        return NULL;
    }
    self->data = data;
    Py_INCREF((PyObject *)context);
    self->context = context;
    return (PyObject *)self;
}

static void dataset_dealloc(PyObject *object) {
    Dataset *self = (Dataset *)object;
    fire_dataset_free(self->data);
    for (Py_ssize_t i = 0; i < self->n_views; i++) PyBuffer_Release(&self->view[i]);
    PyMem_Free(self->view);
    Py_DECREF((PyObject *)self->context);
    free_object(object);
}

static PyObject *dataset_add(PyObject *object, PyObject *args) {
    Dataset *self = (Dataset *)object;
    PyObject *part[3] = {NULL, Py_None, Py_None}; /* x, y, w */
    static const char *const names[3] = {"x", "y", "sample_weight"};
    if (!PyArg_ParseTuple(args, "O|OO:add", &part[0], &part[1], &part[2])) return NULL;
    Py_buffer *grown = PyMem_Realloc(self->view, (size_t)(self->n_views + 3) * sizeof *grown);
    if (!grown) return PyErr_NoMemory();
    self->view = grown;
    fire_tensor tensor[3];
    Py_ssize_t held = 0;
    int has[3] = {0, 0, 0}, bad = 0;
    for (int i = 0; i < 3 && !bad; i++) {
        if (i > 0 && part[i] == Py_None) continue;
        bad = tensor_get(part[i], names[i], 0, &grown[self->n_views + held], &tensor[i]);
        if (!bad) { has[i] = 1; held++; }
    }
    fire_error err;
    fire_status status = FIRE_OK;
    if (!bad) {
        Py_BEGIN_ALLOW_THREADS
        status = fire_dataset_add(self->data, &tensor[0], has[1] ? &tensor[1] : NULL, has[2] ? &tensor[2] : NULL, &err);
        Py_END_ALLOW_THREADS
    }
    if (bad || status) {
        for (Py_ssize_t i = 0; i < held; i++) PyBuffer_Release(&grown[self->n_views + i]);
        return bad ? NULL : raise_error(&err);
    }
    self->n_views += held;
    Py_RETURN_NONE;
}

/* Columns given as Python texts. The tuples own the texts that the pointers borrow. */
typedef struct columns { PyObject *owner[2]; const char **name[2]; fire_columns c; } columns;

static void columns_free(columns *c) {
    for (int i = 0; i < 2; i++) {
        PyMem_Free(c->name[i]);
        Py_XDECREF(c->owner[i]);
    }
}

static int columns_read(PyObject *features, PyObject *labels, const char *weight, const char *validation, int invalid, columns *c) {
    *c = (columns){0};
    PyObject *given[2] = {features, labels};
    for (int k = 0; k < 2; k++) {
        c->owner[k] = PySequence_Tuple(given[k]);
        Py_ssize_t n = c->owner[k] ? PyTuple_Size(c->owner[k]) : 0;
        c->name[k] = c->owner[k] ? PyMem_Calloc((size_t)n + 1, sizeof *c->name[k]) : NULL;
        if (c->owner[k] && !c->name[k]) PyErr_NoMemory();
        int bad = !c->name[k];
        for (Py_ssize_t i = 0; !bad && i < n; i++) bad = !(c->name[k][i] = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(c->owner[k], i), NULL));
        if (bad) {
            columns_free(c);
            return -1;
        }
    }
    c->c = (fire_columns){c->name[0], c->name[1], weight, validation, (fire_invalid)invalid};
    return 0;
}

/* take_batch - dataset_add_arrow and dataset_pack; type FIRE_NO_TYPE: keep the batch where it is. */
static PyObject *take_batch(Dataset *self, fire_type type, PyObject *schema_capsule, PyObject *batch_capsule, const fire_columns *c) {
    struct ArrowSchema *schema = PyCapsule_GetPointer(schema_capsule, "arrow_schema");
    struct ArrowArray *batch = schema ? PyCapsule_GetPointer(batch_capsule, "arrow_array") : NULL;
    if (!batch) return NULL;
    if (!schema->release || !batch->release) {
        PyErr_SetString(PyExc_ValueError, "the Arrow capsule was already taken");
        return NULL;
    }
    fire_error err;
    fire_status status;
    Py_BEGIN_ALLOW_THREADS
    status = type ? fire_dataset_pack(self->data, type, schema, batch, c, &err) : fire_dataset_add_arrow(self->data, schema, batch, c, &err);
    Py_END_ALLOW_THREADS
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *dataset_add_batch(PyObject *object, PyObject *args) {
    PyObject *schema, *batch, *features, *labels;
    const char *weight, *validation;
    int invalid, type;
    columns c;
    if (!PyArg_ParseTuple(args, "iOOOOzzi:add_batch", &type, &schema, &batch, &features, &labels, &weight, &validation, &invalid)) return NULL;
    if (columns_read(features, labels, weight, validation, invalid, &c)) return NULL;
    PyObject *done = take_batch((Dataset *)object, (fire_type)type, schema, batch, &c.c);
    columns_free(&c);
    return done;
}

/* The Arrow C stream interface (arrow.apache.org/docs/format/CStreamInterface.html). */
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

static struct ArrowArrayStream *stream_get(PyObject *capsule) {
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream && !stream->release) {
        PyErr_SetString(PyExc_ValueError, "the Arrow stream was already read");
        return NULL;
    }
    return stream;
}

static PyObject *stream_failed(struct ArrowArrayStream *stream) {
    const char *why = stream->get_last_error(stream);
    if (!PyErr_Occurred()) PyErr_Format(PyExc_OSError, "the Arrow stream failed: %.500s", why ? why : "it does not say why");
    return NULL;
}

/* dataset_add_stream - every batch of a stream. The stream may run Python code: it takes the GIL itself. */
static PyObject *dataset_add_stream(PyObject *object, PyObject *args) {
    Dataset *self = (Dataset *)object;
    PyObject *capsule, *features, *labels;
    const char *weight, *validation;
    int invalid, type;
    columns c;
    if (!PyArg_ParseTuple(args, "iOOOzzi:add_stream", &type, &capsule, &features, &labels, &weight, &validation, &invalid)) return NULL;
    struct ArrowArrayStream *stream = stream_get(capsule);
    if (!stream || columns_read(features, labels, weight, validation, invalid, &c)) return NULL;
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    int failed = 0;
    fire_status status = FIRE_OK;
    fire_error err;
    Py_BEGIN_ALLOW_THREADS
    failed = stream->get_schema(stream, &schema);
    Py_END_ALLOW_THREADS
    while (!failed && !status) {
        Py_BEGIN_ALLOW_THREADS
        failed = stream->get_next(stream, &batch);
        if (!failed && batch.release)
            status = type ? fire_dataset_pack(self->data, (fire_type)type, &schema, &batch, &c.c, &err)
                          : fire_dataset_add_arrow(self->data, &schema, &batch, &c.c, &err);
        else if (!failed) status = FIRE_CANCELLED; /* the end */
        Py_END_ALLOW_THREADS
        if (batch.release) batch.release(&batch);
        if (PyErr_CheckSignals()) break;
        batch = (struct ArrowArray){0};
    }
    columns_free(&c);
    if (schema.release) schema.release(&schema);
    if (failed) return stream_failed(stream);
    if (PyErr_Occurred()) return NULL;
    if (status != FIRE_CANCELLED) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *dataset_split(PyObject *object, PyObject *args) {
    double fraction;
    unsigned long long seed;
    int last;
    fire_error err;
    if (!PyArg_ParseTuple(args, "dKp:split", &fraction, &seed, &last)) return NULL;
    fire_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fire_dataset_split(((Dataset *)object)->data, fraction, seed, last, &err);
    Py_END_ALLOW_THREADS
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *dataset_deal(PyObject *object, PyObject *args) {
    PyObject *comm = Py_None;
    int shards = 0;
    fire_error err;
    if (!PyArg_ParseTuple(args, "|Oi:deal", &comm, &shards)) return NULL;
    if (comm != Py_None && !PyObject_TypeCheck(comm, state_of(object)->comm)) return PyErr_Format(PyExc_TypeError, "deal: comm must be a Comm or None");
    fire_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fire_dataset_deal(((Dataset *)object)->data, comm == Py_None ? NULL : ((Comm *)comm)->comm, shards, &err);
    Py_END_ALLOW_THREADS
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

/* dataset_info - (rows, validation rows, skipped rows, shape of x, shape of y or None, has weights). */
static PyObject *dataset_info(PyObject *object, PyObject *unused) {
    (void)unused;
    fire_dataset_info info;
    fire_dataset_info_get(((Dataset *)object)->data, &info);
    PyObject *y = info.has_y ? shape_tuple(&info.y) : Py_None;
    if (y == Py_None) Py_INCREF(y);
    PyObject *x = y ? shape_tuple(&info.x) : NULL;
    if (!x) {
        Py_XDECREF(y);
        return NULL;
    }
    return Py_BuildValue("LLLNNO", (long long)info.rows, (long long)info.validation_rows, (long long)info.skipped, x, y, info.has_w ? Py_True : Py_False);
}

static PyMethodDef dataset_methods[] = {
    {"add", dataset_add, METH_VARARGS, NULL},
    {"add_batch", dataset_add_batch, METH_VARARGS, NULL},
    {"add_stream", dataset_add_stream, METH_VARARGS, NULL},
    {"split", dataset_split, METH_VARARGS, NULL},
    {"deal", dataset_deal, METH_VARARGS, NULL},
    {"info", dataset_info, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot dataset_slots[] = {
    {Py_tp_new, dataset_new}, {Py_tp_dealloc, dataset_dealloc}, {Py_tp_methods, dataset_methods}, {0, NULL},
};
static PyType_Spec dataset_spec = {"firesteel._core.Dataset", sizeof(Dataset), 0, Py_TPFLAGS_DEFAULT, dataset_slots};

/* ---- Comm ------------------------------------------------------------------------ */

/* listen - a Comm that waits on a port of host, and the address that others find it at. */
static PyObject *core_listen(PyObject *module, PyObject *args) {
    module_state *m = PyModule_GetState(module);
    Context *context;
    const char *host = NULL;
    char address[512];
    if (!PyArg_ParseTuple(args, "O!|z:listen", m->context, &context, &host)) return NULL;
    fire_error err;
    fire_comm *comm;
    if (fire_comm_listen(context->ctx, host, address, sizeof address, &comm, &err)) return raise_error(&err);
    allocfunc alloc = (allocfunc)PyType_GetSlot(m->comm, Py_tp_alloc);
    Comm *self = (Comm *)alloc(m->comm, 0);
    if (!self) {
        fire_comm_free(comm);
        return NULL;
    }
    self->comm = comm;
    Py_INCREF((PyObject *)context);
    self->context = context;
    return Py_BuildValue("Ns", self, address);
}

static void comm_dealloc(PyObject *object) {
    fire_comm_free(((Comm *)object)->comm);
    Py_DECREF((PyObject *)((Comm *)object)->context);
    free_object(object);
}

static PyObject *comm_open(PyObject *object, PyObject *args) {
    int rank;
    PyObject *list;
    const char *secret;
    Py_ssize_t secret_size;
    double deadline;
    columns addresses;
    if (!PyArg_ParseTuple(args, "iOy#d:open", &rank, &list, &secret, &secret_size, &deadline)) return NULL;
    if (secret_size != 16) return PyErr_Format(PyExc_ValueError, "open: the secret has %zd bytes; expected 16", secret_size);
    PyObject *none = PyTuple_New(0);
    if (!none || columns_read(list, none, NULL, NULL, 0, &addresses)) {
        Py_XDECREF(none);
        return NULL;
    }
    fire_error err;
    fire_status status;
    int size = (int)PyTuple_Size(addresses.owner[0]);
    Py_BEGIN_ALLOW_THREADS
    status = fire_comm_open(((Comm *)object)->comm, rank, size, addresses.name[0], (const uint8_t *)secret, deadline, &err);
    Py_END_ALLOW_THREADS
    columns_free(&addresses);
    Py_DECREF(none);
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

/* comm_sum - sum a writable array of float32, float64 or int64 over the ranks, in place. */
static PyObject *comm_sum(PyObject *object, PyObject *args) {
    PyObject *buffer;
    Py_buffer view;
    fire_tensor t;
    if (!PyArg_ParseTuple(args, "O:sum", &buffer) || tensor_get(buffer, "sum", 1, &view, &t)) return NULL;
    fire_error err;
    fire_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fire_comm_sum(((Comm *)object)->comm, t.type, t.data, view.len / view.itemsize, &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *comm_broadcast(PyObject *object, PyObject *args) {
    int root;
    PyObject *buffer;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "iO:broadcast", &root, &buffer) || PyObject_GetBuffer(buffer, &view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)) return NULL;
    fire_error err;
    fire_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fire_comm_broadcast(((Comm *)object)->comm, root, view.buf, (size_t)view.len, &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

/* comm_gather - every rank's bytes, all of the same length, in rank order. */
static PyObject *comm_gather(PyObject *object, PyObject *args) {
    const char *mine;
    Py_ssize_t n;
    if (!PyArg_ParseTuple(args, "y#:gather", &mine, &n)) return NULL;
    fire_comm *comm = ((Comm *)object)->comm;
    int size = fire_comm_size(comm);
    char *all = PyMem_Malloc((size_t)(n > 0 ? n : 1) * (size_t)size);
    if (!all) return PyErr_NoMemory();
    fire_error err;
    fire_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fire_comm_gather(comm, mine, (size_t)n, all, &err);
    Py_END_ALLOW_THREADS
    PyObject *list = status ? raise_error(&err) : PyList_New(size);
    for (int i = 0; list && i < size; i++) {
        PyObject *item = PyBytes_FromStringAndSize(all + (size_t)i * (size_t)n, n);
        if (!item || PyList_SetItem(list, i, item)) Py_CLEAR(list);
    }
    PyMem_Free(all);
    return list;
}

static PyObject *comm_fail(PyObject *object, PyObject *args) {
    fire_error why = {0};
    int status, code;
    const char *message;
    if (!PyArg_ParseTuple(args, "iis:fail", &status, &code, &message)) return NULL;
    why.status = (fire_status)status;
    why.code = code;
    size_t n = strlen(message);
    if (n >= sizeof why.message) { /* cut between characters, not inside one */
        n = sizeof why.message - 1;
        while (n > 0 && ((unsigned char)message[n] & 0xC0) == 0x80) n--;
    }
    memcpy(why.message, message, n);
    Py_BEGIN_ALLOW_THREADS
    fire_comm_fail(((Comm *)object)->comm, &why);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *comm_rank(PyObject *object, void *unused) { (void)unused; return PyLong_FromLong(fire_comm_rank(((Comm *)object)->comm)); }
static PyObject *comm_size(PyObject *object, void *unused) { (void)unused; return PyLong_FromLong(fire_comm_size(((Comm *)object)->comm)); }

static PyMethodDef comm_methods[] = {
    {"open", comm_open, METH_VARARGS, NULL},
    {"sum", comm_sum, METH_VARARGS, NULL},
    {"broadcast", comm_broadcast, METH_VARARGS, NULL},
    {"gather", comm_gather, METH_VARARGS, NULL},
    {"fail", comm_fail, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef comm_getset[] = {
    {"rank", comm_rank, NULL, NULL, NULL}, {"size", comm_size, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot comm_slots[] = {
    {Py_tp_dealloc, comm_dealloc}, {Py_tp_methods, comm_methods}, {Py_tp_getset, comm_getset}, {0, NULL},
};
static PyType_Spec comm_spec = {"firesteel._core.Comm", sizeof(Comm), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, comm_slots};

/* ---- Network ------------------------------------------------------------------------ */

/* network_wrap - a Python handle that owns net. */
static PyObject *network_wrap(PyTypeObject *type, Context *context, fire_network *net) {
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Network *self = (Network *)alloc(type, 0);
    if (!self) {
        fire_network_free(net);
        return NULL;
    }
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE); /* a progress callback reads the network that it reports on */
    pthread_mutex_init(&self->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    self->net = net;
    Py_INCREF((PyObject *)context);
    self->context = context;
    return (PyObject *)self;
}

static PyObject *network_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"context", "type", NULL};
    module_state *m = PyType_GetModuleState(type);
    Context *context;
    int number;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!i:Network", names, m->context, &context, &number)) return NULL;
    fire_error err;
    fire_network *net;
    if (fire_network_new(context->ctx, (fire_type)number, &net, &err)) return raise_error(&err);
    return network_wrap(type, context, net);
}

static void network_dealloc(PyObject *object) {
    Network *self = (Network *)object;
    fire_network_free(self->net);
    pthread_mutex_destroy(&self->lock);
    Py_DECREF((PyObject *)self->context);
    free_object(object);
}

/* enter - take the network's lock; leave gives it back. A change is refused while this very thread is inside a fit. */
static Network *enter(PyObject *object, int change) {
    Network *self = (Network *)object;
    if (pthread_mutex_trylock(&self->lock)) {
        Py_BEGIN_ALLOW_THREADS
        pthread_mutex_lock(&self->lock);
        Py_END_ALLOW_THREADS
    }
    if (!change || !self->fitting) return self;
    pthread_mutex_unlock(&self->lock);
    PyErr_SetString(PyExc_RuntimeError, "the network is being trained; a callback may read it, not change it");
    return NULL;
}

static void leave(Network *self) { pthread_mutex_unlock(&self->lock); }

/* finish - leave, then None or the exception for a failed call. */
static PyObject *finish(Network *self, fire_status status, const fire_error *err) {
    leave(self);
    if (status) return raise_error(err);
    Py_RETURN_NONE;
}

static PyObject *network_clone(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 0);
    fire_error err;
    fire_network *copy = NULL;
    fire_status status = fire_network_clone(self->net, &copy, &err);
    leave(self);
    return status ? raise_error(&err) : network_wrap(Py_TYPE(object), self->context, copy);
}

static PyObject *network_add(PyObject *object, PyObject *args) {
    const char *kind, *attrs;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "sz:add", &kind, &attrs) || !(self = enter(object, 1))) return NULL;
    return finish(self, fire_network_add(self->net, kind, attrs, &err), &err);
}

static PyObject *network_pop(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 1);
    fire_error err;
    return self ? finish(self, fire_network_pop(self->net, &err), &err) : NULL;
}

static PyObject *network_build(PyObject *object, PyObject *shape) {
    fire_shape s;
    Network *self;
    fire_error err;
    if (shape_read(shape, &s) || !(self = enter(object, 1))) return NULL;
    return finish(self, fire_network_build(self->net, &s, &err), &err);
}

static PyObject *network_init(PyObject *object, PyObject *args) {
    unsigned long long seed;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "K:init", &seed) || !(self = enter(object, 1))) return NULL;
    return finish(self, fire_network_init(self->net, seed, &err), &err);
}

/* network_layers - [(kind, name, attributes, output shape, weights, flops, trainable)]. */
static PyObject *network_layers(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 0);
    int n = fire_network_layers(self->net);
    PyObject *list = PyList_New(n);
    for (int i = 0; list && i < n; i++) {
        fire_layer_info info;
        fire_error err;
        PyObject *item;
        if (fire_network_layer(self->net, i, &info, &err)) item = raise_error(&err);
        else {
            PyObject *shape = shape_tuple(&info.output);
            item = shape ? Py_BuildValue("sssNLLO", info.kind, info.name, info.attrs, shape, (long long)info.weights, (long long)info.flops,
                                         info.trainable ? Py_True : Py_False) : NULL;
        }
        if (!item || PyList_SetItem(list, i, item)) Py_CLEAR(list);
    }
    leave(self);
    return list;
}

static PyObject *network_set_trainable(PyObject *object, PyObject *args) {
    int layer, trainable;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "ip:set_trainable", &layer, &trainable) || !(self = enter(object, 1))) return NULL;
    return finish(self, fire_network_set_trainable(self->net, layer, trainable, &err), &err);
}

/* network_weights - [(name, layer, trainable, ready, shape)]. */
static PyObject *network_weights(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 0);
    int n = fire_network_weights(self->net);
    PyObject *list = PyList_New(n);
    for (int i = 0; list && i < n; i++) {
        fire_weight_info info;
        fire_error err;
        PyObject *item;
        if (fire_network_weight(self->net, i, &info, &err)) item = raise_error(&err);
        else {
            PyObject *shape = shape_tuple(&info.value.shape);
            item = shape ? Py_BuildValue("siOON", info.name, (int)info.layer, info.trainable ? Py_True : Py_False, info.ready ? Py_True : Py_False, shape) : NULL;
        }
        if (!item || PyList_SetItem(list, i, item)) Py_CLEAR(list);
    }
    leave(self);
    return list;
}

static int wrong_size(const char *what, Py_ssize_t found, int64_t expected) {
    if (found == expected) return 0;
    PyErr_Format(PyExc_ValueError, "%s: the buffer has %zd bytes; expected %lld", what, found, (long long)expected);
    return 1;
}

/* network_read_weight - copy weight i into a writable buffer of the network's type. */
static PyObject *network_read_weight(PyObject *object, PyObject *args) {
    int i;
    PyObject *out;
    Py_buffer view;
    fire_tensor t;
    if (!PyArg_ParseTuple(args, "iO:read_weight", &i, &out) || tensor_get(out, "read_weight", 1, &view, &t)) return NULL;
    Network *self = enter(object, 0);
    fire_weight_info info;
    fire_error err;
    fire_status status = fire_network_weight(self->net, i, &info, &err);
    int bad = 0;
    if (!status) {
        int64_t bytes = (int64_t)fire_type_size(info.value.type);
        for (int k = 0; k < info.value.shape.rank; k++) bytes *= info.value.shape.dim[k];
        bad = wrong_size("read_weight", view.len, bytes);
        if (!bad) memcpy(view.buf, info.value.data, (size_t)bytes);
    }
    PyBuffer_Release(&view);
    PyObject *done = finish(self, status, &err);
    if (bad) Py_CLEAR(done);
    return done;
}

static PyObject *network_set_weight(PyObject *object, PyObject *args) {
    int i;
    PyObject *value;
    Py_buffer view;
    fire_tensor t;
    if (!PyArg_ParseTuple(args, "iO:set_weight", &i, &value) || tensor_get(value, "set_weight", 0, &view, &t)) return NULL;
    Network *self = enter(object, 1);
    fire_error err;
    PyObject *done = self ? finish(self, fire_network_set_weight(self->net, i, &t, &err), &err) : NULL;
    PyBuffer_Release(&view);
    return done;
}

static PyObject *network_info(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 0);
    fire_network_info n;
    fire_network_info_get(self->net, &n);
    PyObject *in = shape_tuple(&n.input), *out = in ? shape_tuple(&n.output) : NULL, *info = NULL;
    if (out)
        info = Py_BuildValue("{s:i,s:O,s:O,s:O,s:N,s:N,s:L,s:L,s:L,s:L,s:L,s:L,s:O,s:s,s:s,s:s}", "type", (int)n.type, "built", n.built ? Py_True : Py_False,
                             "compiled", n.compiled ? Py_True : Py_False, "loaded_as_onnx", n.loaded_as_onnx ? Py_True : Py_False, "input", in, "output", out,
                             "params", (long long)n.params, "trainable_params", (long long)n.trainable_params, "flops", (long long)n.flops,
                             "block_rows", (long long)n.block_rows, "step", (long long)n.step, "epoch", (long long)n.epoch,
                             "has_logits", n.has_logits ? Py_True : Py_False, "loss", n.loss ? n.loss : "", "optimizer", n.optimizer ? n.optimizer : "",
                             "metrics", n.metrics ? n.metrics : "");
    else Py_XDECREF(in);
    leave(self);
    return info;
}

static PyObject *network_compile(PyObject *object, PyObject *args) {
    const char *optimizer, *loss, *metrics;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "ssz:compile", &optimizer, &loss, &metrics) || !(self = enter(object, 1))) return NULL;
    return finish(self, fire_network_compile(self->net, optimizer, loss, metrics, &err), &err);
}

/* The learning rate may change while a callback runs: that is what schedules do. */
static PyObject *network_set_learning_rate(PyObject *object, PyObject *args) {
    double rate;
    fire_error err;
    if (!PyArg_ParseTuple(args, "d:set_learning_rate", &rate)) return NULL;
    Network *self = enter(object, 0);
    return finish(self, fire_network_set_learning_rate(self->net, rate, &err), &err);
}

static PyObject *network_learning_rate(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 0);
    double rate = fire_network_learning_rate(self->net);
    leave(self);
    return PyFloat_FromDouble(rate);
}

static PyObject *network_metrics(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 0);
    PyObject *list = PyList_New(0);
    const char *name;
    for (int i = 0; list && (name = fire_network_metric(self->net, i)); i++) {
        PyObject *text = PyUnicode_FromString(name);
        if (!text || PyList_Append(list, text)) Py_CLEAR(list);
        Py_XDECREF(text);
    }
    leave(self);
    return list;
}

static PyObject *double_list(const double *v, int n) {
    PyObject *list = PyList_New(n);
    for (int i = 0; list && i < n; i++) {
        PyObject *f = PyFloat_FromDouble(v[i]);
        if (!f || PyList_SetItem(list, i, f)) Py_CLEAR(list);
    }
    return list;
}

/* What the progress callback hands on, and the exception that ended it. */
typedef struct reporter { PyObject *call, *type, *value, *trace; int n_results; } reporter;

/* report - call Python; 1 ends the fit: an exception, Ctrl-C or a true answer. */
static int report(void *user, const fire_progress *p) {
    reporter *r = user;
    PyGILState_STATE gil = PyGILState_Ensure();
    int stop = PyErr_CheckSignals() != 0;
    if (!stop && r->call != Py_None) {
        PyObject *results = double_list(p->result, p->n_results), *validation = Py_None;
        if (p->has_validation) validation = double_list(p->validation, p->n_results);
        else Py_INCREF(validation);
        PyObject *answer = results && validation ? PyObject_CallFunction(r->call, "OiiLLLdNNd", p->event == FIRE_EPOCH_END ? Py_True : Py_False,
            (int)p->epoch, (int)p->epochs, (long long)p->step, (long long)p->steps, (long long)p->rows, p->seconds, results, validation, p->learning_rate) : NULL;
        stop = answer ? PyObject_IsTrue(answer) != 0 : 1;
        Py_XDECREF(answer);
    }
    if (PyErr_Occurred()) PyErr_Fetch(&r->type, &r->value, &r->trace);
    PyGILState_Release(gil);
    return stop;
}

/* network_fit - (epochs run, best epoch, stopped early, steps, rows, seconds, stopped by the callback). */
static PyObject *network_fit(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"data", "epochs", "initial_epoch", "batch_size", "seed", "shuffle", "reproducible", "class_weight", "monitor", "patience",
                            "start_from_epoch", "min_delta", "maximize", "restore_best", "checkpoint_dir", "comm", "progress", NULL};
    module_state *m = state_of(object);
    Dataset *data;
    PyObject *class_weight = Py_None, *comm = Py_None, *checkpoint = NULL;
    int epochs = 1, initial_epoch = 0, shuffle = 1, reproducible = 0, maximize = 0, restore_best = 0, patience = 0, start_from = 0;
    long long batch_size = 0;
    unsigned long long seed = 0;
    const char *monitor = NULL;
    double min_delta = 0;
    reporter r = {.call = Py_None};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|$iiLKppOziidppO&OO:fit", names, m->dataset, &data, &epochs, &initial_epoch, &batch_size, &seed,
                                     &shuffle, &reproducible, &class_weight, &monitor, &patience, &start_from, &min_delta, &maximize, &restore_best,
                                     PyUnicode_FSConverter, &checkpoint, &comm, &r.call)) return NULL;
    Py_buffer view = {0};
    fire_tensor weights = {0};
    Network *self = NULL;
    PyObject *done = NULL;
    if (comm != Py_None && !PyObject_TypeCheck(comm, m->comm)) PyErr_SetString(PyExc_TypeError, "fit: comm must be a Comm or None");
    else if (class_weight == Py_None || !tensor_get(class_weight, "class_weight", 0, &view, &weights)) {
        if (weights.type && (weights.type != FIRE_F64 || weights.shape.rank != 1)) PyErr_SetString(PyExc_TypeError, "class_weight: expected one float64 per class");
        else self = enter(object, 1);
    }
    if (self) {
        fire_fit_options o = {.size = sizeof o, .epochs = epochs, .initial_epoch = initial_epoch, .batch_size = batch_size, .seed = seed,
            .no_shuffle = !shuffle, .reproducible = reproducible, .class_weight = weights.data, .n_class_weight = weights.type ? (int32_t)weights.shape.dim[0] : 0,
            .stop = {monitor, patience, start_from, min_delta, maximize, restore_best}, .checkpoint_dir = checkpoint ? PyBytes_AsString(checkpoint) : NULL,
            .comm = comm == Py_None ? NULL : ((Comm *)comm)->comm, .progress = report, .user = &r};
        fire_fit_report out = {.best_epoch = -1};
        fire_error err;
        fire_status status;
        self->fitting = 1;
        Py_BEGIN_ALLOW_THREADS
        status = fire_fit(self->net, data->data, &o, &out, &err);
        Py_END_ALLOW_THREADS
        self->fitting = 0;
        leave(self);
        if (r.type) PyErr_Restore(r.type, r.value, r.trace);
        else if (status && status != FIRE_CANCELLED) raise_error(&err);
        else done = Py_BuildValue("iiOLLdO", (int)out.epochs_run, (int)out.best_epoch, out.stopped_early ? Py_True : Py_False, (long long)out.steps,
                                  (long long)out.rows, out.seconds, status ? Py_True : Py_False);
    }
    if (view.obj) PyBuffer_Release(&view);
    Py_XDECREF(checkpoint);
    return done;
}

/* data_args - a dataset and perhaps a comm. */
static int data_args(PyObject *object, PyObject *args, const char *format, Dataset **data, PyObject **comm) {
    module_state *m = state_of(object);
    *comm = Py_None;
    if (!PyArg_ParseTuple(args, format, m->dataset, data, comm)) return -1;
    if (*comm == Py_None || PyObject_TypeCheck(*comm, m->comm)) return 0;
    PyErr_SetString(PyExc_TypeError, "comm must be a Comm or None");
    return -1;
}

static PyObject *network_evaluate(PyObject *object, PyObject *args) {
    Dataset *data;
    PyObject *comm;
    Network *self;
    fire_error err;
    fire_status status;
    double results[FIRE_MAX_RESULTS] = {0};
    int n = 0;
    if (data_args(object, args, "O!|O:evaluate", &data, &comm) || !(self = enter(object, 0))) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = fire_evaluate(self->net, data->data, comm == Py_None ? NULL : ((Comm *)comm)->comm, results, &err);
    Py_END_ALLOW_THREADS
    while (n < FIRE_MAX_RESULTS && fire_network_metric(self->net, n)) n++;
    leave(self);
    return status ? raise_error(&err) : double_list(results, n);
}

static PyObject *network_adapt(PyObject *object, PyObject *args) {
    Dataset *data;
    PyObject *comm;
    Network *self;
    fire_error err;
    fire_status status;
    if (data_args(object, args, "O!|O:adapt", &data, &comm) || !(self = enter(object, 1))) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = fire_adapt(self->net, data->data, comm == Py_None ? NULL : ((Comm *)comm)->comm, &err);
    Py_END_ALLOW_THREADS
    return finish(self, status, &err);
}

/* out_get - a writable buffer of exactly rows * per_row numbers of the network's type; None gives NULL. */
static int out_get(PyObject *object, const char *what, fire_type type, int64_t rows, int64_t per_row, Py_buffer *view, void **data) {
    fire_tensor t;
    *data = NULL;
    if (object == Py_None) return 0;
    if (tensor_get(object, what, 1, view, &t)) return -1;
    if (t.type != type) PyErr_Format(PyExc_TypeError, "%s: the buffer has another type than the network", what);
    else if (!wrong_size(what, view->len, rows * per_row * (int64_t)fire_type_size(type))) {
        *data = view->buf;
        return 0;
    }
    PyBuffer_Release(view);
    view->obj = NULL;
    return -1;
}

/* network_gradients - the loss; gradients go into the given buffers, one per weight and one for the input, each may be None. */
static PyObject *network_gradients(PyObject *object, PyObject *args) {
    Dataset *data;
    int training;
    PyObject *list, *input;
    if (!PyArg_ParseTuple(args, "O!pOO:gradients", state_of(object)->dataset, &data, &training, &list, &input)) return NULL;
    PyObject *outs = PySequence_Tuple(list);
    if (!outs) return NULL;
    Network *self = enter(object, 0);
    int n = fire_network_weights(self->net), ok = 1;
    fire_network_info net;
    fire_dataset_info rows;
    fire_network_info_get(self->net, &net);
    fire_dataset_info_get(data->data, &rows);
    Py_buffer *view = PyMem_Calloc((size_t)n + 1, sizeof *view);
    void **to = PyMem_Calloc((size_t)n + 1, sizeof *to);
    if (!view || !to) { PyErr_NoMemory(); ok = 0; }
    else if (PyTuple_Size(outs) != n) { PyErr_Format(PyExc_ValueError, "gradients: %zd buffers for %d weights", PyTuple_Size(outs), n); ok = 0; }
    else if (!net.built) { PyErr_SetString(PyExc_ValueError, "gradients: the network is not built"); ok = 0; }
    fire_error err;
    fire_status status = FIRE_OK;
    for (int i = 0; ok && i < n; i++) {
        fire_weight_info info;
        status = fire_network_weight(self->net, i, &info, &err);
        if (status) break;
        int64_t numbers = 1;
        for (int k = 0; k < info.value.shape.rank; k++) numbers *= info.value.shape.dim[k];
        ok = !out_get(PyTuple_GetItem(outs, i), info.name, net.type, 1, numbers, &view[i], &to[i]);
    }
    if (ok && !status) ok = !out_get(input, "the input's gradient", net.type, rows.rows, elements(&net.input), &view[n], &to[n]);
    double loss = 0;
    if (ok && !status) {
        Py_BEGIN_ALLOW_THREADS
        status = fire_gradients(self->net, data->data, training, &loss, to, to[n], &err);
        Py_END_ALLOW_THREADS
    }
    leave(self);
    for (int i = 0; view && i <= n; i++) if (view[i].obj) PyBuffer_Release(&view[i]);
    PyMem_Free(view);
    PyMem_Free(to);
    Py_DECREF(outs);
    return !ok ? NULL : status ? raise_error(&err) : PyFloat_FromDouble(loss);
}

/* network_predict - outputs, and logits unless None, of every row into buffers of the network's type. */
static PyObject *network_predict(PyObject *object, PyObject *args) {
    Dataset *data;
    PyObject *y, *logits = Py_None;
    if (!PyArg_ParseTuple(args, "O!O|O:predict", state_of(object)->dataset, &data, &y, &logits)) return NULL;
    Network *self = enter(object, 0);
    fire_network_info net;
    fire_dataset_info rows;
    fire_network_info_get(self->net, &net);
    fire_dataset_info_get(data->data, &rows);
    Py_buffer view[2] = {{0}, {0}};
    void *to[2] = {NULL, NULL};
    fire_error err;
    fire_status status = FIRE_OK;
    int ok = 0;
    if (!net.built) PyErr_SetString(PyExc_ValueError, "predict: the network is not built");
    else ok = !out_get(y, "predict", net.type, rows.rows, elements(&net.output), &view[0], &to[0]) &&
              !out_get(logits, "logits", net.type, rows.rows, elements(&net.output), &view[1], &to[1]);
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        status = fire_predict(self->net, data->data, to[0], to[1], &err);
        Py_END_ALLOW_THREADS
    }
    leave(self);
    for (int i = 0; i < 2; i++) if (view[i].obj) PyBuffer_Release(&view[i]);
    if (!ok) return NULL;
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

/* network_predict_row - one row; short, so the GIL stays. */
static PyObject *network_predict_row(PyObject *object, PyObject *args) {
    PyObject *x, *y;
    Py_buffer view[2] = {{0}, {0}};
    void *to[2];
    if (!PyArg_ParseTuple(args, "OO:predict_row", &x, &y)) return NULL;
    Network *self = enter(object, 0);
    fire_network_info net;
    fire_network_info_get(self->net, &net);
    fire_tensor row;
    fire_error err;
    fire_status status = FIRE_OK;
    int ok = 0;
    if (!net.built) PyErr_SetString(PyExc_ValueError, "predict_row: the network is not built");
    else if (!tensor_get(x, "predict_row", 0, &view[0], &row)) {
        if (row.type != net.type) PyErr_SetString(PyExc_TypeError, "predict_row: x has another type than the network");
        else ok = !wrong_size("predict_row", view[0].len, elements(&net.input) * (int64_t)fire_type_size(net.type)) &&
                  !out_get(y, "predict_row", net.type, 1, elements(&net.output), &view[1], &to[1]) && to[1];
    }
    if (ok) status = fire_predict_row(self->net, row.data, to[1], &err);
    leave(self);
    for (int i = 0; i < 2; i++) if (view[i].obj) PyBuffer_Release(&view[i]);
    if (!ok) return NULL;
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

/* path_call - save and save_checkpoint. */
static PyObject *path_call(PyObject *object, PyObject *args, fire_status (*call)(const fire_network *, const char *, fire_error *)) {
    PyObject *path;
    fire_error err;
    fire_status status;
    if (!PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &path)) return NULL;
    Network *self = enter(object, 0);
    Py_BEGIN_ALLOW_THREADS
    status = call(self->net, PyBytes_AsString(path), &err);
    Py_END_ALLOW_THREADS
    Py_DECREF(path);
    return finish(self, status, &err);
}

static PyObject *network_save(PyObject *object, PyObject *args) { return path_call(object, args, fire_save); }
static PyObject *network_save_checkpoint(PyObject *object, PyObject *args) { return path_call(object, args, fire_save_checkpoint); }

static PyObject *network_save_bytes(PyObject *object, PyObject *unused) {
    (void)unused;
    void *bytes = NULL;
    size_t size = 0;
    fire_error err;
    fire_status status;
    Network *self = enter(object, 0);
    Py_BEGIN_ALLOW_THREADS
    status = fire_save_bytes(self->net, &bytes, &size, &err);
    Py_END_ALLOW_THREADS
    leave(self);
    if (status) return raise_error(&err);
    PyObject *out = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
    fire_release(self->context->ctx, bytes);
    return out;
}

/* Network.load(context, path) and Network.load_bytes(context, bytes). */
static PyObject *network_load(PyObject *type, PyObject *args) {
    module_state *m = PyType_GetModuleState((PyTypeObject *)type);
    Context *context;
    PyObject *path;
    fire_network *net = NULL;
    fire_error err;
    fire_status status;
    if (!PyArg_ParseTuple(args, "O!O&:load", m->context, &context, PyUnicode_FSConverter, &path)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = fire_load(context->ctx, PyBytes_AsString(path), &net, &err);
    Py_END_ALLOW_THREADS
    Py_DECREF(path);
    return status ? raise_error(&err) : network_wrap((PyTypeObject *)type, context, net);
}

static PyObject *network_load_bytes(PyObject *type, PyObject *args) {
    module_state *m = PyType_GetModuleState((PyTypeObject *)type);
    Context *context;
    Py_buffer view;
    fire_network *net = NULL;
    fire_error err;
    fire_status status;
    if (!PyArg_ParseTuple(args, "O!y*:load_bytes", m->context, &context, &view)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = fire_load_bytes(context->ctx, view.buf, (size_t)view.len, &net, &err);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return status ? raise_error(&err) : network_wrap((PyTypeObject *)type, context, net);
}

static PyObject *network_note(PyObject *object, PyObject *args) {
    const char *key;
    if (!PyArg_ParseTuple(args, "s:note", &key)) return NULL;
    Network *self = enter(object, 0);
    const char *text = fire_network_note(self->net, key);
    PyObject *note = text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace") : Py_None;
    if (note == Py_None) Py_INCREF(note);
    leave(self);
    return note;
}

static PyObject *network_set_note(PyObject *object, PyObject *args) {
    const char *key, *text;
    fire_error err;
    if (!PyArg_ParseTuple(args, "sz:set_note", &key, &text)) return NULL;
    Network *self = enter(object, 0);
    return finish(self, fire_network_set_note(self->net, key, text, &err), &err);
}

static PyObject *network_explain_plan(PyObject *object, PyObject *args) {
    long long batch;
    int training;
    text_buffer b = {0};
    fire_error err;
    fire_status status;
    if (!PyArg_ParseTuple(args, "Lp:explain_plan", &batch, &training)) return NULL;
    Network *self = enter(object, 0);
    Py_BEGIN_ALLOW_THREADS
    status = fire_explain_plan(self->net, batch, training, text_write, &b, &err);
    Py_END_ALLOW_THREADS
    leave(self);
    PyObject *text = text_take(&b);
    if (!status) return text;
    Py_XDECREF(text);
    return raise_error(&err);
}

static PyMethodDef network_methods[] = {
    {"clone", network_clone, METH_NOARGS, NULL},
    {"add", network_add, METH_VARARGS, NULL},
    {"pop", network_pop, METH_NOARGS, NULL},
    {"build", network_build, METH_O, NULL},
    {"init", network_init, METH_VARARGS, NULL},
    {"layers", network_layers, METH_NOARGS, NULL},
    {"set_trainable", network_set_trainable, METH_VARARGS, NULL},
    {"weights", network_weights, METH_NOARGS, NULL},
    {"read_weight", network_read_weight, METH_VARARGS, NULL},
    {"set_weight", network_set_weight, METH_VARARGS, NULL},
    {"info", network_info, METH_NOARGS, NULL},
    {"compile", network_compile, METH_VARARGS, NULL},
    {"set_learning_rate", network_set_learning_rate, METH_VARARGS, NULL},
    {"learning_rate", network_learning_rate, METH_NOARGS, NULL},
    {"metrics", network_metrics, METH_NOARGS, NULL},
    {"fit", (PyCFunction)(void (*)(void))network_fit, METH_VARARGS | METH_KEYWORDS, NULL},
    {"evaluate", network_evaluate, METH_VARARGS, NULL},
    {"adapt", network_adapt, METH_VARARGS, NULL},
    {"gradients", network_gradients, METH_VARARGS, NULL},
    {"predict", network_predict, METH_VARARGS, NULL},
    {"predict_row", network_predict_row, METH_VARARGS, NULL},
    {"save", network_save, METH_VARARGS, NULL},
    {"save_bytes", network_save_bytes, METH_NOARGS, NULL},
    {"save_checkpoint", network_save_checkpoint, METH_VARARGS, NULL},
    {"load", network_load, METH_VARARGS | METH_CLASS, NULL},
    {"load_bytes", network_load_bytes, METH_VARARGS | METH_CLASS, NULL},
    {"note", network_note, METH_VARARGS, NULL},
    {"set_note", network_set_note, METH_VARARGS, NULL},
    {"explain_plan", network_explain_plan, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot network_slots[] = {
    {Py_tp_new, network_new}, {Py_tp_dealloc, network_dealloc}, {Py_tp_methods, network_methods}, {0, NULL},
};
static PyType_Spec network_spec = {"firesteel._core.Network", sizeof(Network), 0, Py_TPFLAGS_DEFAULT, network_slots};

/* ---- the module ------------------------------------------------------------------------ */

static PyObject *core_version(PyObject *module, PyObject *unused) { (void)module; (void)unused; return PyUnicode_FromString(fire_version()); }

/* explain - (title, text) of a code, or None. */
static PyObject *core_explain(PyObject *module, PyObject *args) {
    (void)module;
    int code;
    const char *title = NULL;
    if (!PyArg_ParseTuple(args, "i:explain", &code)) return NULL;
    const char *text = fire_explain(code, &title);
    if (!text) Py_RETURN_NONE;
    return Py_BuildValue("ss", title, text);
}

static PyObject *core_codes(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    PyObject *list = PyList_New(0);
    int32_t code;
    for (int i = 0; list && (code = fire_explain_codes(i)); i++) {
        PyObject *n = PyLong_FromLong(code);
        if (!n || PyList_Append(list, n)) Py_CLEAR(list);
        Py_XDECREF(n);
    }
    return list;
}

static PyObject *core_catalog(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    text_buffer b = {0};
    fire_catalog(text_write, &b);
    return text_take(&b);
}

/* names_of - the column names of a struct schema. */
static PyObject *names_of(const struct ArrowSchema *schema) {
    if (strcmp(schema->format, "+s") != 0) {
        PyErr_SetString(PyExc_TypeError, "the Arrow data is not a table: its top level is not a struct of columns");
        return NULL;
    }
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; list && i < schema->n_children; i++) {
        PyObject *name = PyUnicode_FromString(schema->children[i]->name ? schema->children[i]->name : "");
        if (!name || PyList_Append(list, name)) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

/* column_names - of an arrow_schema or arrow_array_stream capsule, which is not used up. */
static PyObject *core_column_names(PyObject *module, PyObject *capsule) {
    (void)module;
    if (PyCapsule_IsValid(capsule, "arrow_schema")) {
        struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
        if (schema && schema->release) return names_of(schema);
        PyErr_SetString(PyExc_ValueError, "the Arrow schema was already released");
        return NULL;
    }
    struct ArrowArrayStream *stream = stream_get(capsule);
    if (!stream) return NULL;
    struct ArrowSchema schema = {0};
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = stream->get_schema(stream, &schema);
    Py_END_ALLOW_THREADS
    if (failed) return stream_failed(stream);
    PyObject *names = names_of(&schema);
    if (schema.release) schema.release(&schema);
    return names;
}

static PyMethodDef core_methods[] = {
    {"version", core_version, METH_NOARGS, NULL},
    {"explain", core_explain, METH_VARARGS, NULL},
    {"codes", core_codes, METH_NOARGS, NULL},
    {"catalog", core_catalog, METH_NOARGS, NULL},
    {"column_names", core_column_names, METH_O, NULL},
    {"listen", core_listen, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int core_exec(PyObject *module) {
    module_state *m = PyModule_GetState(module);
    struct { PyTypeObject **type; PyType_Spec *spec; } types[] = {
        {&m->context, &context_spec}, {&m->network, &network_spec}, {&m->dataset, &dataset_spec}, {&m->comm, &comm_spec}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        *types[i].type = (PyTypeObject *)PyType_FromModuleAndSpec(module, types[i].spec, NULL);
        if (!*types[i].type || PyModule_AddType(module, *types[i].type)) return -1;
    }
    return 0;
}

static int core_traverse(PyObject *module, visitproc visit, void *arg) {
    module_state *m = PyModule_GetState(module);
    Py_VISIT(m->context);
    Py_VISIT(m->network);
    Py_VISIT(m->dataset);
    Py_VISIT(m->comm);
    return 0;
}

static int core_clear(PyObject *module) {
    module_state *m = PyModule_GetState(module);
    Py_CLEAR(m->context);
    Py_CLEAR(m->network);
    Py_CLEAR(m->dataset);
    Py_CLEAR(m->comm);
    return 0;
}

static PyModuleDef_Slot core_slots[] = {{Py_mod_exec, core_exec}, {0, NULL}};
static PyModuleDef core = {PyModuleDef_HEAD_INIT, .m_name = "firesteel._core", .m_doc = "Handles of the engine; see _core.pyi.", .m_size = sizeof(module_state),
    .m_methods = core_methods, .m_slots = core_slots, .m_traverse = core_traverse, .m_clear = core_clear};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&core); }
