/* _core.c - the module, its context, errors and buffers. */
#include "_core.h"
#include "hash.h"

/* ---- errors ---------------------------------------------------------------- */

PyObject *raise_error(const fire_error *err) {
    PyObject *text = PyUnicode_DecodeUTF8(err->message, (Py_ssize_t)strlen(err->message), "replace");
    PyObject *errors = text ? PyImport_ImportModule("firesteel.errors") : NULL;
    PyObject *made = errors ? PyObject_CallMethod(errors, "make", "iO", (int)err->code, text) : NULL;
    if (made) PyErr_SetObject((PyObject *)Py_TYPE(made), made);
    Py_XDECREF(made);
    Py_XDECREF(errors);
    Py_XDECREF(text);
    return NULL;
}

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
    case 'e': return FIRE_F16;
    case 'B': case 'H': case 'I': case 'L': case 'Q':
        return view->itemsize == 1 ? FIRE_U8 : view->itemsize == 2 ? FIRE_U16 : view->itemsize == 4 ? FIRE_U32 : FIRE_U64;
    case 'b': case 'h': case 'i': case 'l': case 'q':
        return view->itemsize == 1 ? FIRE_I8 : view->itemsize == 2 ? FIRE_I16 : view->itemsize == 4 ? FIRE_I32 : FIRE_I64;
    default: return FIRE_NO_TYPE;
    }
}

int tensor_get(PyObject *object, const char *what, int writable, Py_buffer *view, fire_tensor *t) {
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

PyObject *shape_tuple(const fire_shape *s) {
    PyObject *tuple = PyTuple_New(s->rank);
    for (int i = 0; tuple && i < s->rank; i++) {
        PyObject *n = PyLong_FromLongLong(s->dim[i]);
        if (!n || PyTuple_SetItem(tuple, i, n)) Py_CLEAR(tuple);
    }
    return tuple;
}

int wrong_size(const char *what, Py_ssize_t found, int64_t expected) {
    if (found == expected) return 0;
    PyErr_Format(PyExc_ValueError, "%s: the buffer has %zd bytes; expected %lld", what, found, (long long)expected);
    return 1;
}

void texts_free(texts *t) {
    PyMem_Free(t->text);
    Py_XDECREF(t->owner);
}

int texts_read(PyObject *sequence, texts *t) {
    *t = (texts){.owner = PySequence_Tuple(sequence)};
    if (!t->owner) return -1;
    t->n = PyTuple_Size(t->owner);
    t->text = PyMem_Calloc((size_t)t->n + 1, sizeof *t->text);
    if (!t->text) PyErr_NoMemory();
    int bad = !t->text;
    for (Py_ssize_t i = 0; !bad && i < t->n; i++) bad = !(t->text[i] = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(t->owner, i), NULL));
    if (bad) texts_free(t);
    return bad ? -1 : 0;
}

void text_write(void *user, const char *text, size_t bytes) {
    text_buffer *b = user;
    if (b->failed || !bytes) return;
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

PyObject *text_take(text_buffer *b) {
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

void free_object(PyObject *self) {
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

static PyObject *context_set_limits(PyObject *self, PyObject *args) {
    long long memory, work;
    fire_error err;
    if (!PyArg_ParseTuple(args, "LL:set_limits", &memory, &work)) return NULL;
    if (fire_set_limits(((Context *)self)->ctx, memory, work, &err)) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyObject *context_set_cache(PyObject *self, PyObject *args) {
    const char *folder;
    fire_error err;
    if (!PyArg_ParseTuple(args, "z:set_cache", &folder)) return NULL;
    if (fire_set_cache(((Context *)self)->ctx, folder, &err)) return raise_error(&err);
    Py_RETURN_NONE;
}

static PyMethodDef context_methods[] = {
    {"set_cache", context_set_cache, METH_VARARGS, NULL},
    {"set_limits", context_set_limits, METH_VARARGS, NULL},
    {"set_threads", context_set_threads, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot context_slots[] = {
    {Py_tp_new, context_new}, {Py_tp_dealloc, context_dealloc}, {Py_tp_methods, context_methods}, {0, NULL},
};
static PyType_Spec context_spec = {"firesteel._core.Context", sizeof(Context), 0, Py_TPFLAGS_DEFAULT, context_slots};

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

/* schedule - the learning rate that a schedule's text gives an update. */
static PyObject *core_schedule(PyObject *module, PyObject *args) {
    (void)module;
    const char *text;
    long long step;
    double rate;
    fire_error err = {0};
    if (!PyArg_ParseTuple(args, "sL:schedule", &text, &step)) return NULL;
    return fire_schedule_rate(text, step, &rate, &err) ? raise_error(&err) : PyFloat_FromDouble(rate);
}

/* core_function_shapes - (context, type, body, [(type, shape)]) to [(type, shape)] of what the program gives; -1 is the batch. */
static PyObject *core_function_shapes(PyObject *module, PyObject *args) {
    module_state *m = PyModule_GetState(module);
    Context *context;
    int type;
    const char *body;
    PyObject *inputs;
    fire_tensor in[64], out[32];
    fire_error err;
    int32_t n_out = 0;
    if (!PyArg_ParseTuple(args, "O!isO:function_shapes", m->context, &context, &type, &body, &inputs)) return NULL;
    Py_ssize_t n = PySequence_Size(inputs);
    if (n > 64) PyErr_SetString(PyExc_ValueError, "more than 64 inputs and weights");
    if (n < 0 || n > 64) return NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PySequence_GetItem(inputs, i), *dims;
        int of;
        in[i] = (fire_tensor){0};
        int ok = item && PyArg_ParseTuple(item, "iO:function_shapes", &of, &dims) && PySequence_Size(dims) <= FIRE_MAX_RANK;
        for (Py_ssize_t d = 0; ok && d < PySequence_Size(dims); d++) {
            PyObject *size = PySequence_GetItem(dims, d);
            in[i].shape.dim[in[i].shape.rank++] = size ? PyLong_AsLongLong(size) : -1;
            Py_XDECREF(size);
            ok = !PyErr_Occurred();
        }
        Py_XDECREF(item);
        if (!ok) {
            if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "a shape has too many dimensions");
            return NULL;
        }
        in[i].type = (fire_type)of;
    }
    if (fire_function_shapes(context->ctx, (fire_type)type, body, (int32_t)n, in, 32, out, &n_out, &err)) return raise_error(&err);
    PyObject *list = PyList_New(0);
    for (int32_t k = 0; list && k < n_out; k++) {
        PyObject *dims = shape_tuple(&out[k].shape), *item = dims ? Py_BuildValue("iN", (int)out[k].type, dims) : NULL;
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

/* fingerprint - FarmHash's 64 bits of some bytes. */
static PyObject *core_fingerprint(PyObject *module, PyObject *args) {
    (void)module;
    const char *text;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "y#:fingerprint", &text, &length)) return NULL;
    return PyLong_FromUnsignedLongLong(fire_fingerprint(text, (size_t)length));
}

static PyMethodDef core_methods[] = {
    {"fingerprint", core_fingerprint, METH_VARARGS, NULL},
    {"function_shapes", core_function_shapes, METH_VARARGS, NULL},
    {"version", core_version, METH_NOARGS, NULL},
    {"explain", core_explain, METH_VARARGS, NULL},
    {"codes", core_codes, METH_NOARGS, NULL},
    {"catalog", core_catalog, METH_NOARGS, NULL},
    {"schedule", core_schedule, METH_VARARGS, NULL},
    {"column_names", core_column_names, METH_O, NULL},
    {"safetensors", core_safetensors, METH_VARARGS, NULL},
    {"example_read", core_example_read, METH_VARARGS, NULL},
    {"example_write", core_example_write, METH_VARARGS, NULL},
    {"examples_survey", core_examples_survey, METH_VARARGS, NULL},
    {"listen", core_listen, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int core_exec(PyObject *module) {
    module_state *m = PyModule_GetState(module);
    struct { PyTypeObject **type; PyType_Spec *spec; } types[] = {
        {&m->context, &context_spec}, {&m->network, &network_spec}, {&m->dataset, &dataset_spec}, {&m->comm, &comm_spec},
        {&m->records, &records_spec}, {&m->writer, &writer_spec}, {&m->examples, &examples_spec}};
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
    Py_VISIT(m->records);
    Py_VISIT(m->examples);
    Py_VISIT(m->writer);
    return 0;
}

static int core_clear(PyObject *module) {
    module_state *m = PyModule_GetState(module);
    Py_CLEAR(m->context);
    Py_CLEAR(m->network);
    Py_CLEAR(m->dataset);
    Py_CLEAR(m->comm);
    Py_CLEAR(m->records);
    Py_CLEAR(m->examples);
    Py_CLEAR(m->writer);
    return 0;
}

static PyModuleDef_Slot core_slots[] = {{Py_mod_exec, core_exec}, {0, NULL}};
static PyModuleDef core = {PyModuleDef_HEAD_INIT, .m_name = "firesteel._core", .m_doc = "Handles of the engine; see _core.pyi.", .m_size = sizeof(module_state),
    .m_methods = core_methods, .m_slots = core_slots, .m_traverse = core_traverse, .m_clear = core_clear};

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&core); }
