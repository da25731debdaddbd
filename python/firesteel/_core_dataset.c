/* _core_dataset.c - Dataset: rows from buffers and Arrow capsules. */
#include "_core.h"

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

/* Columns given as Python texts, which the two lists own. */
typedef struct columns { texts features, labels; fire_columns c; } columns;

static void columns_free(columns *c) {
    texts_free(&c->features);
    texts_free(&c->labels);
}

static int columns_read(PyObject *features, PyObject *labels, const char *weight, const char *validation, int invalid, columns *c) {
    if (texts_read(features, &c->features)) return -1;
    if (texts_read(labels, &c->labels)) {
        texts_free(&c->features);
        return -1;
    }
    c->c = (fire_columns){c->features.text, c->labels.text, weight, validation, (fire_invalid)invalid};
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
PyObject *core_column_names(PyObject *module, PyObject *capsule) {
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

/* dataset_cache - before rows are added: what is beyond `memory` bytes lies on local disk in `folder`. */
static PyObject *dataset_cache(PyObject *object, PyObject *args) {
    PyObject *folder = NULL;
    long long memory, window;
    fire_error err;
    if (!PyArg_ParseTuple(args, "O&LL:cache", PyUnicode_FSConverter, &folder, &memory, &window)) return NULL;
    fire_status status = fire_dataset_cache(((Dataset *)object)->data, PyBytes_AsString(folder), memory, window, &err);
    Py_DECREF(folder);
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *dataset_pad(PyObject *object, PyObject *network) {
    fire_error err;
    if (!PyObject_TypeCheck(network, state_of(object)->network)) return PyErr_Format(PyExc_TypeError, "pad: expected a Network");
    if (fire_dataset_pad(((Dataset *)object)->data, ((Network *)network)->net, &err)) return raise_error(&err);
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
    {"pad", dataset_pad, METH_O, NULL},
    {"cache", dataset_cache, METH_VARARGS, NULL},
    {"split", dataset_split, METH_VARARGS, NULL},
    {"deal", dataset_deal, METH_VARARGS, NULL},
    {"info", dataset_info, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot dataset_slots[] = {
    {Py_tp_new, dataset_new}, {Py_tp_dealloc, dataset_dealloc}, {Py_tp_methods, dataset_methods}, {0, NULL},
};
PyType_Spec dataset_spec = {"firesteel._core.Dataset", sizeof(Dataset), 0, Py_TPFLAGS_DEFAULT, dataset_slots};
