/* _core_records.c - records for Python: TFRecord files, tf.train.Example, TensorBoard's events. */
#include "_core.h"

/* ---- reading ---- */

typedef struct { PyObject_HEAD Context *context; fire_records *records; } Records;

static PyObject *records_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Context *context;
    PyObject *path;
    (void)kwargs;
    module_state *m = PyType_GetModuleState(type);
    long long from = 0, to = -1;
    if (!PyArg_ParseTuple(args, "O!O&|LL:Records", m->context, &context, PyUnicode_FSConverter, &path, &from, &to)) return NULL;
    fire_error err;
    fire_records *records = NULL;
    fire_status s;
    Py_BEGIN_ALLOW_THREADS
    s = fire_records_open(context->ctx, PyBytes_AsString(path), &records, &err);
    if (!s && to >= 0 && (s = fire_records_range(records, from, to, &err))) fire_records_close(records);
    Py_END_ALLOW_THREADS
    Py_DECREF(path);
    if (s) return raise_error(&err);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Records *self = (Records *)alloc(type, 0);
    if (!self) {
        fire_records_close(records);
        return NULL;
    }
    self->records = records;
    Py_INCREF((PyObject *)context);
    self->context = context;
    return (PyObject *)self;
}

static void records_dealloc(PyObject *object) {
    fire_records_close(((Records *)object)->records);
    Py_DECREF((PyObject *)((Records *)object)->context);
    free_object(object);
}

/* next - the bytes of the next record; None after the last. */
static PyObject *records_next(PyObject *object, PyObject *unused) {
    const void *bytes;
    size_t size;
    fire_error err;
    (void)unused;
    if (fire_records_next(((Records *)object)->records, &bytes, &size, &err)) return raise_error(&err);
    if (!bytes) Py_RETURN_NONE;
    return PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
}

/* ---- examples, many at a time ---- */

typedef struct { PyObject_HEAD Context *context; fire_examples *examples; } Examples;

/* Examples(context, [(name, type, lists)], malformed, blame): see fire_examples_new. */
static PyObject *examples_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Context *context;
    PyObject *columns;
    int malformed, blame;
    (void)kwargs;
    module_state *m = PyType_GetModuleState(type);
    if (!PyArg_ParseTuple(args, "O!O!ii:Examples", m->context, &context, &PyTuple_Type, &columns, &malformed, &blame)) return NULL;
    const Py_ssize_t n = PyTuple_Size(columns);
    if (n > INT32_MAX) return PyErr_NoMemory();
    fire_example_column *column = calloc((size_t)n + 1, sizeof *column);
    if (!column) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < n; i++) {
        int letter;
        if (!PyArg_ParseTuple(PyTuple_GetItem(columns, i), "sCi:Examples", &column[i].name, &letter, &column[i].lists)) {
            free(column);
            return NULL;
        }
        column[i].type = letter < 128 ? (char)letter : 0;
    }
    fire_error err;
    fire_examples *examples = NULL;
    fire_status s = fire_examples_new(context->ctx, (int32_t)n, column, (fire_malformed)malformed, blame, &examples, &err);
    free(column);
    if (s) return raise_error(&err);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Examples *self = (Examples *)alloc(type, 0);
    if (!self) {
        fire_examples_free(examples);
        return NULL;
    }
    self->examples = examples;
    Py_INCREF((PyObject *)context);
    self->context = context;
    return (PyObject *)self;
}

static void examples_dealloc(PyObject *object) {
    fire_examples_free(((Examples *)object)->examples);
    Py_DECREF((PyObject *)((Examples *)object)->context);
    free_object(object);
}

/* read - the next rows of a file, so many rows and bytes at most; gives the number of rows. */
static PyObject *examples_read(PyObject *object, PyObject *args) {
    PyObject *records;
    long long rows, bytes;
    int64_t n;
    module_state *m = state_of(object);
    if (!PyArg_ParseTuple(args, "O!LL:read", m->records, &records, &rows, &bytes)) return NULL;
    fire_error err;
    fire_status s;
    Py_BEGIN_ALLOW_THREADS
    s = fire_examples_read(((Examples *)object)->examples, ((Records *)records)->records, rows, bytes, &n, &err);
    Py_END_ALLOW_THREADS
    return s ? raise_error(&err) : PyLong_FromLongLong(n);
}

static PyObject *copy_of(const void *from, int64_t bytes) { return PyBytes_FromStringAndSize(bytes ? from : "", (Py_ssize_t)bytes); }

/* column - (nulls, valid, number of lists, their offsets, the same of the lists inside, number of values, offsets of texts, data) of a column, for `rows` rows; copies. */
static PyObject *examples_column(PyObject *object, PyObject *args) {
    int i;
    long long rows;
    fire_example_buffers b;
    if (!PyArg_ParseTuple(args, "iL:column", &i, &rows)) return NULL;
    fire_examples_column(((Examples *)object)->examples, i, &b);
    return Py_BuildValue("LNLNLNLNN", (long long)b.nulls, copy_of(b.valid, b.nulls ? (rows + 7) / 8 : 0),
                         (long long)b.n_lists[0], copy_of(b.offsets[0], b.offsets[0] ? 4 * (b.n_lists[0] + 1) : 0),
                         (long long)b.n_lists[1], copy_of(b.offsets[1], b.offsets[1] ? 4 * (b.n_lists[1] + 1) : 0),
                         (long long)b.n_values, copy_of(b.texts, b.texts ? 4 * (b.n_values + 1) : 0), copy_of(b.data, b.data_bytes));
}

/* core_examples_survey - (context, [records], limit, fail) to ([(name, list, kinds, least, most, records, texts)], malformed ones, records looked at): at most `limit` records of all. */
PyObject *core_examples_survey(PyObject *module, PyObject *args) {
    module_state *m = PyModule_GetState(module);
    Context *context;
    PyObject *files;
    long long limit;
    int strict;
    if (!PyArg_ParseTuple(args, "O!O!Lp:examples_survey", m->context, &context, &PyList_Type, &files, &limit, &strict)) return NULL;
    for (Py_ssize_t i = 0; i < PyList_Size(files); i++)
        if (!PyObject_TypeCheck(PyList_GetItem(files, i), m->records)) return PyErr_Format(PyExc_TypeError, "examples_survey: expected Records");
    fire_error err;
    fire_feature_survey *survey = NULL;
    fire_status s = fire_feature_survey_new(context->ctx, &survey, &err);
    int64_t malformed = 0, seen, all = 0;
    for (Py_ssize_t i = 0; !s && i < PyList_Size(files) && all < limit; i++) {
        fire_records *records = ((Records *)PyList_GetItem(files, i))->records;
        Py_BEGIN_ALLOW_THREADS
        s = fire_feature_survey_add(survey, records, limit - all, strict ? NULL : &malformed, &seen, &err);
        Py_END_ALLOW_THREADS
        all += seen;
    }
    PyObject *list = s ? raise_error(&err) : PyList_New(0);
    fire_feature_summary f;
    for (int64_t i = 0; list && fire_feature_survey_get(survey, i, &f); i++) {
        PyObject *item = Py_BuildValue("sNiLLLN", f.name, PyBool_FromLong(f.list), (int)f.kinds, (long long)f.least, (long long)f.most, (long long)f.records, PyBool_FromLong(f.texts));
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    fire_feature_survey_free(survey);
    return list ? Py_BuildValue("NLL", list, (long long)malformed, (long long)all) : NULL;
}

/* ---- examples, one by one ---- */

static PyObject *values_of(const fire_feature *f) {
    if (f->kind != FIRE_FEATURE_BYTES) return PyBytes_FromStringAndSize(f->n ? f->values : "", (Py_ssize_t)f->n * (f->kind == FIRE_FEATURE_FLOAT ? 4 : f->kind == FIRE_FEATURE_INT ? 8 : 0));
    PyObject *list = PyList_New((Py_ssize_t)f->n);
    for (int64_t i = 0; list && i < f->n; i++) {
        const fire_bytes *t = &((const fire_bytes *)f->values)[i];
        PyObject *item = PyBytes_FromStringAndSize(t->bytes, (Py_ssize_t)t->size);
        if (!item || PyList_SetItem(list, (Py_ssize_t)i, item)) Py_CLEAR(list);
    }
    return list;
}

static PyObject *feature_of(const fire_feature *f) {
    PyObject *steps = NULL, *values = values_of(f);
    if (!values) return NULL;
    if (f->list) steps = PyBytes_FromStringAndSize((const char *)f->steps, (Py_ssize_t)f->n_steps * 8);
    else Py_INCREF(steps = Py_None);
    return Py_BuildValue("s#iNN", f->name, (Py_ssize_t)f->name_size, (int)f->kind, values, steps);
}

/* core_example_read - (context, bytes) to (is a sequence, [(name, kind, values, steps)]): values are bytes of int64 or float32 numbers, or a list of bytes; steps, bytes
** of int64, are None where it is no list of features. */
PyObject *core_example_read(PyObject *module, PyObject *args) {
    module_state *m = PyModule_GetState(module);
    Context *context;
    Py_buffer view;
    fire_error err;
    fire_example *e = NULL;
    if (!PyArg_ParseTuple(args, "O!y*:example_read", m->context, &context, &view)) return NULL;
    PyObject *list = PyList_New(0);
    fire_status s = list ? fire_example_read(context->ctx, view.buf, (size_t)view.len, &e, &err) : FIRE_OK;
    for (int64_t i = 0; list && e && i < e->n; i++) {
        PyObject *item = feature_of(&e->feature[i]);
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    const int sequence = e && e->sequence;
    fire_example_free(context->ctx, e);
    PyBuffer_Release(&view);
    if (s) {
        Py_XDECREF(list);
        return raise_error(&err);
    }
    return list ? Py_BuildValue("NN", PyBool_FromLong(sequence), list) : NULL;
}

typedef struct given { fire_feature f; Py_buffer values, steps; fire_bytes *texts; } given; /* borrowed from the list that was passed */

static int given_read(PyObject *item, given *g) {
    const char *name;
    Py_ssize_t size;
    int kind;
    PyObject *values, *steps;
    if (!PyArg_ParseTuple(item, "s#iOO:example_write", &name, &size, &kind, &values, &steps)) return -1;
    g->f = (fire_feature){.name = name, .name_size = (size_t)size, .kind = (fire_feature_kind)kind, .list = steps != Py_None};
    if (kind == FIRE_FEATURE_BYTES) {
        g->f.n = PyList_Size(values);
        if (g->f.n < 0) return -1;
        if (!(g->texts = calloc((size_t)g->f.n + 1, sizeof *g->texts))) return PyErr_NoMemory(), -1;
        for (int64_t i = 0; i < g->f.n; i++) {
            char *text;
            Py_ssize_t length;
            if (PyBytes_AsStringAndSize(PyList_GetItem(values, (Py_ssize_t)i), &text, &length)) return -1;
            g->texts[i] = (fire_bytes){text, (size_t)length};
        }
        g->f.values = g->texts;
    } else if (kind != FIRE_FEATURE_EMPTY) {
        if (PyObject_GetBuffer(values, &g->values, PyBUF_C_CONTIGUOUS)) return -1;
        g->f.n = g->values.len / (kind == FIRE_FEATURE_FLOAT ? 4 : 8);
        g->f.values = g->values.buf;
    }
    if (!g->f.list) return 0;
    if (PyObject_GetBuffer(steps, &g->steps, PyBUF_C_CONTIGUOUS)) return -1;
    g->f.n_steps = g->steps.len / 8;
    g->f.steps = g->steps.buf;
    return 0;
}

/* core_example_write - (context, is a sequence, list as example_read gives it) to bytes. */
PyObject *core_example_write(PyObject *module, PyObject *args) {
    module_state *m = PyModule_GetState(module);
    Context *context;
    int sequence;
    PyObject *list, *result = NULL;
    if (!PyArg_ParseTuple(args, "O!pO:example_write", m->context, &context, &sequence, &list)) return NULL;
    Py_ssize_t n = PyList_Size(list);
    if (n < 0) return NULL;
    given *g = calloc((size_t)n + 1, sizeof *g);
    fire_feature *features = calloc((size_t)n + 1, sizeof *features);
    int bad = !g || !features;
    if (bad) PyErr_NoMemory();
    for (Py_ssize_t i = 0; !bad && i < n; i++) {
        bad = given_read(PyList_GetItem(list, i), &g[i]);
        features[i] = g[i].f;
    }
    if (!bad) {
        fire_error err;
        void *bytes;
        size_t size;
        if (fire_example_write(context->ctx, &(fire_example){sequence != 0, n, features}, &bytes, &size, &err)) raise_error(&err);
        else {
            result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
            fire_release(context->ctx, bytes);
        }
    }
    for (Py_ssize_t i = 0; g && i < n; i++) {
        if (g[i].values.obj) PyBuffer_Release(&g[i].values);
        if (g[i].steps.obj) PyBuffer_Release(&g[i].steps);
        free(g[i].texts);
    }
    free(g);
    free(features);
    return result;
}

/* ---- writing ---- */

typedef struct { PyObject_HEAD Context *context; fire_record_writer *writer; } RecordWriter;

static PyObject *writer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Context *context;
    PyObject *path;
    int packing, live;
    (void)kwargs;
    module_state *m = PyType_GetModuleState(type);
    if (!PyArg_ParseTuple(args, "O!O&ip:RecordWriter", m->context, &context, PyUnicode_FSConverter, &path, &packing, &live)) return NULL;
    fire_error err;
    fire_record_writer *writer = NULL;
    fire_status s = fire_record_writer_open(context->ctx, PyBytes_AsString(path), (fire_packing)packing, live != 0, &writer, &err);
    Py_DECREF(path);
    if (s) return raise_error(&err);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    RecordWriter *self = (RecordWriter *)alloc(type, 0);
    if (!self) {
        fire_record_writer_close(writer, false, NULL);
        return NULL;
    }
    self->writer = writer;
    Py_INCREF((PyObject *)context);
    self->context = context;
    return (PyObject *)self;
}

static void writer_dealloc(PyObject *object) {
    fire_record_writer_close(((RecordWriter *)object)->writer, false, NULL);
    Py_DECREF((PyObject *)((RecordWriter *)object)->context);
    free_object(object);
}

static fire_record_writer *opened(PyObject *object) {
    fire_record_writer *w = ((RecordWriter *)object)->writer;
    if (!w) PyErr_SetString(PyExc_ValueError, "the file is closed");
    return w;
}

static PyObject *writer_add(PyObject *object, PyObject *args) {
    Py_buffer view;
    fire_error err;
    fire_record_writer *w = opened(object);
    if (!w || !PyArg_ParseTuple(args, "y*:add", &view)) return NULL;
    fire_status s = fire_record_writer_add(w, view.buf, (size_t)view.len, &err);
    PyBuffer_Release(&view);
    if (s) return raise_error(&err);
    Py_RETURN_NONE;
}

/* add_arrow - (schema capsule, array capsule, sequence): a row each becomes an example. The batch is borrowed. */
static PyObject *writer_add_arrow(PyObject *object, PyObject *args) {
    PyObject *schema_capsule, *batch_capsule;
    int sequence;
    fire_error err;
    fire_record_writer *w = opened(object);
    if (!w || !PyArg_ParseTuple(args, "OOp:add_arrow", &schema_capsule, &batch_capsule, &sequence)) return NULL;
    struct ArrowSchema *schema = PyCapsule_GetPointer(schema_capsule, "arrow_schema");
    struct ArrowArray *batch = schema ? PyCapsule_GetPointer(batch_capsule, "arrow_array") : NULL;
    if (!batch) return NULL;
    fire_status s;
    Py_BEGIN_ALLOW_THREADS
    s = fire_record_writer_add_arrow(w, schema, batch, sequence != 0, &err);
    Py_END_ALLOW_THREADS
    if (s) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *writer_flush(PyObject *object, PyObject *unused) {
    fire_error err;
    fire_record_writer *w = opened(object);
    (void)unused;
    if (!w) return NULL;
    if (fire_record_writer_flush(w, &err)) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *writer_close(PyObject *object, PyObject *args) {
    int keep;
    fire_error err;
    if (!PyArg_ParseTuple(args, "p:close", &keep)) return NULL;
    fire_record_writer *w = ((RecordWriter *)object)->writer;
    ((RecordWriter *)object)->writer = NULL;
    if (fire_record_writer_close(w, keep != 0, &err)) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *writer_version(PyObject *object, PyObject *args) {
    double time;
    fire_error err;
    fire_record_writer *w = opened(object);
    if (!w || !PyArg_ParseTuple(args, "d:version", &time)) return NULL;
    if (fire_event_version(w, time, &err)) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *writer_scalar(PyObject *object, PyObject *args) {
    double time;
    long long step;
    const char *tag;
    float value;
    fire_error err;
    fire_record_writer *w = opened(object);
    if (!w || !PyArg_ParseTuple(args, "dLsf:scalar", &time, &step, &tag, &value)) return NULL;
    if (fire_event_scalar(w, time, step, tag, value, &err)) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *writer_histogram(PyObject *object, PyObject *args) {
    double time;
    long long step;
    const char *tag;
    PyObject *values;
    Py_buffer view;
    fire_tensor t;
    fire_error err;
    fire_record_writer *w = opened(object);
    if (!w || !PyArg_ParseTuple(args, "dLsO:histogram", &time, &step, &tag, &values) || tensor_get(values, "histogram", 0, &view, &t)) return NULL;
    fire_status s = fire_event_histogram(w, time, step, tag, &t, &err);
    PyBuffer_Release(&view);
    if (s) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyMethodDef records_methods[] = {{"next", records_next, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot records_slots[] = {{Py_tp_new, records_new}, {Py_tp_dealloc, records_dealloc}, {Py_tp_methods, records_methods}, {0, NULL}};
PyType_Spec records_spec = {"firesteel._core.Records", sizeof(Records), 0, Py_TPFLAGS_DEFAULT, records_slots};

static PyMethodDef examples_methods[] = {{"read", examples_read, METH_VARARGS, NULL}, {"column", examples_column, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyType_Slot examples_slots[] = {{Py_tp_new, examples_new}, {Py_tp_dealloc, examples_dealloc}, {Py_tp_methods, examples_methods}, {0, NULL}};
PyType_Spec examples_spec = {"firesteel._core.Examples", sizeof(Examples), 0, Py_TPFLAGS_DEFAULT, examples_slots};

static PyMethodDef writer_methods[] = {
    {"add", writer_add, METH_VARARGS, NULL}, {"add_arrow", writer_add_arrow, METH_VARARGS, NULL}, {"flush", writer_flush, METH_NOARGS, NULL}, {"close", writer_close, METH_VARARGS, NULL},
    {"version", writer_version, METH_VARARGS, NULL}, {"scalar", writer_scalar, METH_VARARGS, NULL}, {"histogram", writer_histogram, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL},
};
static PyType_Slot writer_slots[] = {{Py_tp_new, writer_new}, {Py_tp_dealloc, writer_dealloc}, {Py_tp_methods, writer_methods}, {0, NULL}};
PyType_Spec writer_spec = {"firesteel._core.RecordWriter", sizeof(RecordWriter), 0, Py_TPFLAGS_DEFAULT, writer_slots};
