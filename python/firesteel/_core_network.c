/* _core_network.c - Network: layers, weights, how it is compiled, files. */
#include "_core_network.h"

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

Network *network_enter(PyObject *object, int change) {
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

void network_leave(Network *self) { pthread_mutex_unlock(&self->lock); }

PyObject *network_finish(Network *self, fire_status status, const fire_error *err) {
    network_leave(self);
    if (status) return raise_error(err);
    Py_RETURN_NONE;
}

static PyObject *network_clone(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 0);
    fire_error err;
    fire_network *copy = NULL;
    fire_status status = fire_network_clone(self->net, &copy, &err);
    network_leave(self);
    return status ? raise_error(&err) : network_wrap(Py_TYPE(object), self->context, copy);
}

static PyObject *network_add(PyObject *object, PyObject *args) {
    const char *kind, *attrs;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "sz:add", &kind, &attrs) || !(self = network_enter(object, 1))) return NULL;
    return network_finish(self, fire_network_add(self->net, kind, attrs, &err), &err);
}

/* tensors_read - a sequence of tensor numbers. Returns how many, -1 with an exception. */
static int tensors_read(PyObject *sequence, int32_t *to, int capacity) {
    Py_ssize_t n = PySequence_Size(sequence);
    if (n > capacity) PyErr_Format(PyExc_ValueError, "%zd tensors; at most %d", n, capacity);
    if (n < 0 || n > capacity) return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PySequence_GetItem(sequence, i);
        long v = item ? PyLong_AsLong(item) : -1;
        Py_XDECREF(item);
        if (v == -1 && PyErr_Occurred()) return -1;
        to[i] = v < INT32_MIN || v > INT32_MAX ? INT32_MIN : (int32_t)v;
    }
    return (int)n;
}

static PyObject *network_input(PyObject *object, PyObject *args) {
    const char *attrs;
    Network *self;
    fire_error err;
    int32_t tensor;
    if (!PyArg_ParseTuple(args, "s:input", &attrs) || !(self = network_enter(object, 1))) return NULL;
    fire_status status = fire_network_input(self->net, attrs, &tensor, &err);
    network_leave(self);
    return status ? raise_error(&err) : PyLong_FromLong(tensor);
}

static PyObject *network_call(PyObject *object, PyObject *args) {
    const char *layer, *attrs;
    PyObject *list;
    Network *self;
    fire_error err;
    int32_t in[64], tensor;
    int n;
    if (!PyArg_ParseTuple(args, "szO:call", &layer, &attrs, &list) || (n = tensors_read(list, in, 64)) < 0 || !(self = network_enter(object, 1))) return NULL;
    fire_status status = fire_network_call(self->net, layer, attrs, n, in, &tensor, &err);
    network_leave(self);
    return status ? raise_error(&err) : PyLong_FromLong(tensor);
}

static PyObject *network_outputs(PyObject *object, PyObject *list) {
    Network *self;
    fire_error err;
    int32_t tensor[64];
    int n = tensors_read(list, tensor, 64);
    if (n < 0 || !(self = network_enter(object, 1))) return NULL;
    return network_finish(self, fire_network_outputs(self->net, n, tensor, &err), &err);
}

/* network_parts - [(name, shape)] of the inputs, or of the outputs with their tensors: [(name, shape, tensor)]. */
static PyObject *network_parts(PyObject *object, PyObject *args) {
    int output;
    Network *self;
    fire_shape shape;
    const char *name;
    if (!PyArg_ParseTuple(args, "p:parts", &output) || !(self = network_enter(object, 0))) return NULL;
    PyObject *list = PyList_New(0);
    for (int32_t k = 0; list && fire_network_part(self->net, output, k, &shape, &name); k++) {
        PyObject *dims = shape_tuple(&shape), *item = NULL;
        if (dims) item = output ? Py_BuildValue("sNi", name, dims, (int)fire_network_output(self->net, k)) : Py_BuildValue("sN", name, dims);
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    network_leave(self);
    return list;
}

/* network_uses - [(layer, [input tensors], outputs, first output tensor)]. */
static PyObject *network_uses(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 0);
    fire_use_info u;
    PyObject *list = PyList_New(0);
    for (int i = 0; list && fire_network_use(self->net, i, &u); i++) {
        PyObject *in = PyList_New(u.n_in), *item = NULL;
        for (int32_t k = 0; in && k < u.n_in; k++) {
            PyObject *number = PyLong_FromLong(u.in[k]);
            if (!number || PyList_SetItem(in, k, number)) Py_CLEAR(in);
        }
        if (in) item = Py_BuildValue("iNii", (int)u.layer, in, (int)u.n_out, (int)u.tensor);
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    network_leave(self);
    return list;
}

static PyObject *network_pop(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 1);
    fire_error err;
    return self ? network_finish(self, fire_network_pop(self->net, &err), &err) : NULL;
}

static PyObject *network_build(PyObject *object, PyObject *shape) {
    fire_shape s;
    Network *self;
    fire_error err;
    if (shape_read(shape, &s) || !(self = network_enter(object, 1))) return NULL;
    return network_finish(self, fire_network_build(self->net, &s, &err), &err);
}

static PyObject *network_init(PyObject *object, PyObject *args) {
    unsigned long long seed;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "K:init", &seed) || !(self = network_enter(object, 1))) return NULL;
    return network_finish(self, fire_network_init(self->net, seed, &err), &err);
}

/* network_layers - [(kind, name, attributes, output shape, weights, flops, trainable)]. */
static PyObject *network_layers(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 0);
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
    network_leave(self);
    return list;
}

static PyObject *network_set_trainable(PyObject *object, PyObject *args) {
    int layer, trainable;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "ip:set_trainable", &layer, &trainable) || !(self = network_enter(object, 1))) return NULL;
    return network_finish(self, fire_network_set_trainable(self->net, layer, trainable, &err), &err);
}

static PyObject *network_reset_states(PyObject *object, PyObject *args) {
    int layer;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "i:reset_states", &layer) || !(self = network_enter(object, 1))) return NULL;
    return network_finish(self, fire_network_reset_states(self->net, layer, &err), &err);
}

/* network_weights - [(name, layer, trainable, ready, shape)]. */
static PyObject *network_weights(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 0);
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
    network_leave(self);
    return list;
}

/* network_read_weight - copy weight i into a writable buffer of the network's type. */
static PyObject *network_read_weight(PyObject *object, PyObject *args) {
    int i;
    PyObject *out;
    Py_buffer view;
    fire_tensor t;
    if (!PyArg_ParseTuple(args, "iO:read_weight", &i, &out) || tensor_get(out, "read_weight", 1, &view, &t)) return NULL;
    Network *self = network_enter(object, 0);
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
    PyObject *done = network_finish(self, status, &err);
    if (bad) Py_CLEAR(done);
    return done;
}

static PyObject *network_set_weight(PyObject *object, PyObject *args) {
    int i;
    PyObject *value;
    Py_buffer view;
    fire_tensor t;
    if (!PyArg_ParseTuple(args, "iO:set_weight", &i, &value) || tensor_get(value, "set_weight", 0, &view, &t)) return NULL;
    Network *self = network_enter(object, 1);
    fire_error err;
    PyObject *done = self ? network_finish(self, fire_network_set_weight(self->net, i, &t, &err), &err) : NULL;
    PyBuffer_Release(&view);
    return done;
}

static PyObject *network_info(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 0);
    fire_network_info n;
    fire_network_info_get(self->net, &n);
    PyObject *in = shape_tuple(&n.input), *out = in ? shape_tuple(&n.output) : NULL, *info = NULL;
    if (out)
        info = Py_BuildValue("{s:i,s:O,s:O,s:O,s:O,s:N,s:N,s:L,s:L,s:L,s:L,s:L,s:L,s:O,s:s,s:s,s:s,s:s}", "type", (int)n.type, "built", n.built ? Py_True : Py_False, "chain", n.chain ? Py_True : Py_False,
                             "compiled", n.compiled ? Py_True : Py_False, "loaded_as_onnx", n.loaded_as_onnx ? Py_True : Py_False, "input", in, "output", out,
                             "params", (long long)n.params, "trainable_params", (long long)n.trainable_params, "flops", (long long)n.flops,
                             "block_rows", (long long)n.block_rows, "step", (long long)n.step, "epoch", (long long)n.epoch,
                             "has_logits", n.has_logits ? Py_True : Py_False, "loss", n.loss ? n.loss : "", "optimizer", n.optimizer ? n.optimizer : "",
                             "metrics", n.metrics ? n.metrics : "", "no_layers", n.no_layers ? n.no_layers : "");
    else Py_XDECREF(in);
    network_leave(self);
    return info;
}

static PyObject *network_compile(PyObject *object, PyObject *args) {
    const char *optimizer, *loss, *metrics;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "ssz:compile", &optimizer, &loss, &metrics) || !(self = network_enter(object, 1))) return NULL;
    return network_finish(self, fire_network_compile(self->net, optimizer, loss, metrics, &err), &err);
}

/* The learning rate may change while a callback runs: that is what schedules do. */
static PyObject *network_set_learning_rate(PyObject *object, PyObject *args) {
    double rate;
    fire_error err;
    if (!PyArg_ParseTuple(args, "d:set_learning_rate", &rate)) return NULL;
    Network *self = network_enter(object, 0);
    return network_finish(self, fire_network_set_learning_rate(self->net, rate, &err), &err);
}

static PyObject *network_learning_rate(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 0);
    double rate = fire_network_learning_rate(self->net);
    network_leave(self);
    return PyFloat_FromDouble(rate);
}

static PyObject *network_metrics(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = network_enter(object, 0);
    PyObject *list = PyList_New(0);
    const char *name;
    for (int i = 0; list && (name = fire_network_metric(self->net, i)); i++) {
        PyObject *text = PyUnicode_FromString(name);
        if (!text || PyList_Append(list, text)) Py_CLEAR(list);
        Py_XDECREF(text);
    }
    network_leave(self);
    return list;
}

/* path_call - save and save_checkpoint. */
static PyObject *path_call(PyObject *object, PyObject *args, fire_status (*call)(const fire_network *, const char *, fire_error *)) {
    PyObject *path;
    fire_error err;
    fire_status status;
    if (!PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &path)) return NULL;
    Network *self = network_enter(object, 0);
    Py_BEGIN_ALLOW_THREADS
    status = call(self->net, PyBytes_AsString(path), &err);
    Py_END_ALLOW_THREADS
    Py_DECREF(path);
    return network_finish(self, status, &err);
}

static PyObject *network_save(PyObject *object, PyObject *args) { return path_call(object, args, fire_save); }
static PyObject *network_save_checkpoint(PyObject *object, PyObject *args) { return path_call(object, args, fire_save_checkpoint); }

/* A file in memory, as bytes. */
static PyObject *bytes_call(PyObject *object, fire_status (*make)(const fire_network *, void **, size_t *, fire_error *)) {
    void *bytes = NULL;
    size_t size = 0;
    fire_error err;
    fire_status status;
    Network *self = network_enter(object, 0);
    Py_BEGIN_ALLOW_THREADS
    status = make(self->net, &bytes, &size, &err);
    Py_END_ALLOW_THREADS
    network_leave(self);
    if (status) return raise_error(&err);
    PyObject *out = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
    fire_release(self->context->ctx, bytes);
    return out;
}

static PyObject *network_save_bytes(PyObject *object, PyObject *unused) { (void)unused; return bytes_call(object, fire_save_bytes); }
static PyObject *network_state(PyObject *object, PyObject *unused) { (void)unused; return bytes_call(object, fire_state_bytes); }

static PyObject *network_set_state(PyObject *object, PyObject *args) {
    Py_buffer view;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "y*:set_state", &view)) return NULL;
    if (!(self = network_enter(object, 1))) {
        PyBuffer_Release(&view);
        return NULL;
    }
    fire_status status = fire_state_set(self->net, view.buf, (size_t)view.len, &err);
    PyBuffer_Release(&view);
    return network_finish(self, status, &err);
}

/* A tuple of str as texts, which live as long as it; NULL with an exception. */
static const char **texts_of(PyObject *tuple, int32_t *n) {
    Py_ssize_t size = PyTuple_Size(tuple);
    const char **list = size < 0 ? NULL : PyMem_Calloc((size_t)size + 1, sizeof *list);
    if (size >= 0 && !list) PyErr_NoMemory();
    for (Py_ssize_t i = 0; list && i < size; i++)
        if (!(list[i] = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(tuple, i), NULL))) {
            PyMem_Free((void *)list);
            return NULL;
        }
    *n = (int32_t)size;
    return list;
}

/* Network.load(context, path, inputs=(), outputs=(), signature=None, weights=None) and Network.load_bytes(context, bytes). */
static PyObject *network_load(PyObject *type, PyObject *args) {
    module_state *m = PyType_GetModuleState((PyTypeObject *)type);
    Context *context;
    PyObject *path, *inputs = NULL, *outputs = NULL;
    fire_network *net = NULL;
    fire_part part = {0};
    fire_error err;
    fire_status status;
    if (!PyArg_ParseTuple(args, "O!O&|O!O!zz:load", m->context, &context, PyUnicode_FSConverter, &path, &PyTuple_Type, &inputs, &PyTuple_Type, &outputs, &part.signature, &part.weights)) return NULL;
    const char **in = inputs ? texts_of(inputs, &part.n_inputs) : NULL, **out = outputs && (in || !inputs) ? texts_of(outputs, &part.n_outputs) : NULL;
    if ((inputs && !in) || (outputs && !out)) {
        PyMem_Free((void *)in);
        Py_DECREF(path);
        return NULL;
    }
    part.inputs = in, part.outputs = out;
    const bool whole = !part.n_inputs && !part.n_outputs && !part.signature && !part.weights;
    Py_BEGIN_ALLOW_THREADS
    status = fire_load_part(context->ctx, PyBytes_AsString(path), whole ? NULL : &part, &net, &err);
    Py_END_ALLOW_THREADS
    PyMem_Free((void *)in);
    PyMem_Free((void *)out);
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
    Network *self = network_enter(object, 0);
    const char *text = fire_network_note(self->net, key);
    PyObject *note = text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace") : Py_None;
    if (note == Py_None) Py_INCREF(note);
    network_leave(self);
    return note;
}

static PyObject *network_set_note(PyObject *object, PyObject *args) {
    const char *key, *text;
    fire_error err;
    if (!PyArg_ParseTuple(args, "sz:set_note", &key, &text)) return NULL;
    Network *self = network_enter(object, 0);
    return network_finish(self, fire_network_set_note(self->net, key, text, &err), &err);
}

static PyObject *network_explain_plan(PyObject *object, PyObject *args) {
    long long batch;
    int training;
    text_buffer b = {0};
    fire_error err;
    fire_status status;
    PyObject *list; /* [(name, sizes)] of a model that runs by name */
    fire_named shape[32] = {{0}};
    if (!PyArg_ParseTuple(args, "LpO!:explain_plan", &batch, &training, &PyList_Type, &list)) return NULL;
    const Py_ssize_t n = PyList_Size(list);
    if (n > (Py_ssize_t)(sizeof shape / sizeof *shape)) { PyErr_SetString(PyExc_ValueError, "explain_plan: too many shapes"); return NULL; }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *sizes;
        if (!PyArg_ParseTuple(PyList_GetItem(list, i), "sO", &shape[i].name, &sizes) || shape_read(sizes, &shape[i].tensor.shape)) return NULL;
    }
    Network *self = network_enter(object, 0);
    if (!self) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = n ? fire_explain_run(self->net, batch, (int32_t)n, shape, text_write, &b, &err) : fire_explain_plan(self->net, batch, training, text_write, &b, &err);
    Py_END_ALLOW_THREADS
    network_leave(self);
    PyObject *text = text_take(&b);
    if (!status) return text;
    Py_XDECREF(text);
    return raise_error(&err);
}

static PyMethodDef network_methods[] = {
    {"clone", network_clone, METH_NOARGS, NULL},
    {"add", network_add, METH_VARARGS, NULL},
    {"input", network_input, METH_VARARGS, NULL},
    {"call", network_call, METH_VARARGS, NULL},
    {"outputs", network_outputs, METH_O, NULL},
    {"parts", network_parts, METH_VARARGS, NULL},
    {"uses", network_uses, METH_NOARGS, NULL},
    {"pop", network_pop, METH_NOARGS, NULL},
    {"build", network_build, METH_O, NULL},
    {"init", network_init, METH_VARARGS, NULL},
    {"layers", network_layers, METH_NOARGS, NULL},
    {"reset_states", network_reset_states, METH_VARARGS, NULL},
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
    {"row", (PyCFunction)(void (*)(void))network_row, METH_FASTCALL, NULL},
    {"run", network_run, METH_VARARGS, NULL},
    {"ports", network_ports, METH_VARARGS, NULL},
    {"save", network_save, METH_VARARGS, NULL},
    {"state", network_state, METH_NOARGS, NULL},
    {"set_state", network_set_state, METH_VARARGS, NULL},
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
PyType_Spec network_spec = {"firesteel._core.Network", sizeof(Network), 0, Py_TPFLAGS_DEFAULT, network_slots};
