/* _core_comm.c - Comm: the connection between workers. */
#include "_core.h"

/* listen - a Comm that waits on a port of host, and the address that others find it at. */
PyObject *core_listen(PyObject *module, PyObject *args) {
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
    texts addresses;
    if (!PyArg_ParseTuple(args, "iOy#d:open", &rank, &list, &secret, &secret_size, &deadline)) return NULL;
    if (secret_size != 16) return PyErr_Format(PyExc_ValueError, "open: the secret has %zd bytes; expected 16", secret_size);
    if (texts_read(list, &addresses)) return NULL;
    fire_error err;
    fire_status status;
    Py_BEGIN_ALLOW_THREADS
    status = fire_comm_open(((Comm *)object)->comm, rank, (int32_t)addresses.n, addresses.text, (const uint8_t *)secret, deadline, &err);
    Py_END_ALLOW_THREADS
    texts_free(&addresses);
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
PyType_Spec comm_spec = {"firesteel._core.Comm", sizeof(Comm), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, comm_slots};
