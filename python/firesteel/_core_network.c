/* _core_network.c - Network: layers, weights, training, scoring, files. */
#include "_core.h"

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
    if (!PyArg_ParseTuple(args, "s:input", &attrs) || !(self = enter(object, 1))) return NULL;
    fire_status status = fire_network_input(self->net, attrs, &tensor, &err);
    leave(self);
    return status ? raise_error(&err) : PyLong_FromLong(tensor);
}

static PyObject *network_call(PyObject *object, PyObject *args) {
    const char *layer, *attrs;
    PyObject *list;
    Network *self;
    fire_error err;
    int32_t in[64], tensor;
    int n;
    if (!PyArg_ParseTuple(args, "szO:call", &layer, &attrs, &list) || (n = tensors_read(list, in, 64)) < 0 || !(self = enter(object, 1))) return NULL;
    fire_status status = fire_network_call(self->net, layer, attrs, n, in, &tensor, &err);
    leave(self);
    return status ? raise_error(&err) : PyLong_FromLong(tensor);
}

static PyObject *network_outputs(PyObject *object, PyObject *list) {
    Network *self;
    fire_error err;
    int32_t tensor[64];
    int n = tensors_read(list, tensor, 64);
    if (n < 0 || !(self = enter(object, 1))) return NULL;
    return finish(self, fire_network_outputs(self->net, n, tensor, &err), &err);
}

/* network_parts - [(name, shape)] of the inputs, or of the outputs with their tensors: [(name, shape, tensor)]. */
static PyObject *network_parts(PyObject *object, PyObject *args) {
    int output;
    Network *self;
    fire_shape shape;
    const char *name;
    if (!PyArg_ParseTuple(args, "p:parts", &output) || !(self = enter(object, 0))) return NULL;
    PyObject *list = PyList_New(0);
    for (int32_t k = 0; list && fire_network_part(self->net, output, k, &shape, &name); k++) {
        PyObject *dims = shape_tuple(&shape), *item = NULL;
        if (dims) item = output ? Py_BuildValue("sNi", name, dims, (int)fire_network_output(self->net, k)) : Py_BuildValue("sN", name, dims);
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    leave(self);
    return list;
}

/* network_uses - [(layer, [input tensors], outputs, first output tensor)]. */
static PyObject *network_uses(PyObject *object, PyObject *unused) {
    (void)unused;
    Network *self = enter(object, 0);
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
    leave(self);
    return list;
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

static PyObject *network_reset_states(PyObject *object, PyObject *args) {
    int layer;
    Network *self;
    fire_error err;
    if (!PyArg_ParseTuple(args, "i:reset_states", &layer) || !(self = enter(object, 1))) return NULL;
    return finish(self, fire_network_reset_states(self->net, layer, &err), &err);
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
        info = Py_BuildValue("{s:i,s:O,s:O,s:O,s:O,s:N,s:N,s:L,s:L,s:L,s:L,s:L,s:L,s:O,s:s,s:s,s:s,s:s}", "type", (int)n.type, "built", n.built ? Py_True : Py_False, "chain", n.chain ? Py_True : Py_False,
                             "compiled", n.compiled ? Py_True : Py_False, "loaded_as_onnx", n.loaded_as_onnx ? Py_True : Py_False, "input", in, "output", out,
                             "params", (long long)n.params, "trainable_params", (long long)n.trainable_params, "flops", (long long)n.flops,
                             "block_rows", (long long)n.block_rows, "step", (long long)n.step, "epoch", (long long)n.epoch,
                             "has_logits", n.has_logits ? Py_True : Py_False, "loss", n.loss ? n.loss : "", "optimizer", n.optimizer ? n.optimizer : "",
                             "metrics", n.metrics ? n.metrics : "", "no_layers", n.no_layers ? n.no_layers : "");
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
        PyObject *answer = results && validation ? PyObject_CallFunction(r->call, "iiiLLLdNNd", (int)p->event,
            (int)p->epoch, (int)p->epochs, (long long)p->step, (long long)p->steps, (long long)p->rows, p->seconds, results, validation, p->learning_rate) : NULL;
        stop = answer ? PyObject_IsTrue(answer) != 0 : 1;
        Py_XDECREF(answer);
    }
    if (PyErr_Occurred()) PyErr_Fetch(&r->type, &r->value, &r->trace);
    PyGILState_Release(gil);
    return stop;
}

/* network_fit - (epochs run, best epoch, stopped early, steps, rows, seconds, stopped by the callback, bytes sent by all workers). */
static PyObject *network_fit(PyObject *object, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"data", "epochs", "initial_epoch", "batch_size", "seed", "shuffle", "reproducible", "class_weight", "monitor", "patience",
                            "start_from_epoch", "min_delta", "maximize", "restore_best", "checkpoint_dir", "comm", "progress", "checkpoint_epochs", "checkpoint_steps", "initial_step",
                            "local_steps", "own_state", "compression", "compression_ratio", "end_trigger", "validation_trigger", "checkpoint_trigger", NULL};
    module_state *m = state_of(object);
    Dataset *data;
    PyObject *class_weight = Py_None, *comm = Py_None, *checkpoint = NULL;
    int epochs = 1, initial_epoch = 0, shuffle = 1, reproducible = 0, maximize = 0, restore_best = 0, patience = 0, start_from = 0, checkpoint_epochs = 0, checkpoint_steps = 0,
        local_steps = 0, own_state = 0, compression = 0;
    long long batch_size = 0, initial_step = 0;
    unsigned long long seed = 0;
    const char *monitor = NULL, *end = NULL, *validate = NULL, *save = NULL;
    double min_delta = 0, compression_ratio = 0;
    reporter r = {.call = Py_None};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|$iiLKppOziidppO&OOiiLipidzzz:fit", names, m->dataset, &data, &epochs, &initial_epoch, &batch_size, &seed,
                                     &shuffle, &reproducible, &class_weight, &monitor, &patience, &start_from, &min_delta, &maximize, &restore_best,
                                     PyUnicode_FSConverter, &checkpoint, &comm, &r.call, &checkpoint_epochs, &checkpoint_steps, &initial_step, &local_steps, &own_state, &compression,
                                     &compression_ratio, &end, &validate, &save)) return NULL;
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
            .comm = comm == Py_None ? NULL : ((Comm *)comm)->comm, .progress = report, .user = &r, .checkpoint_epochs = checkpoint_epochs,
            .checkpoint_steps = checkpoint_steps, .initial_step = initial_step,
            .local_steps = local_steps, .own_state = own_state, .compression = (fire_compression)compression, .compression_ratio = compression_ratio,
            .end_trigger = end, .validation_trigger = validate, .checkpoint_trigger = save};

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
        else done = Py_BuildValue("iiOLLdOL", (int)out.epochs_run, (int)out.best_epoch, out.stopped_early ? Py_True : Py_False, (long long)out.steps,
                                  (long long)out.rows, out.seconds, status ? Py_True : Py_False, (long long)out.bytes_sent);
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

/* network_run - outputs by name of a model of other software, as tuples (name, (type, shape, data)); types tells what the values are where they do
** not say it; rows: compute it once for each of so many rows, 0: once. */
static PyObject *network_run(PyObject *object, PyObject *args) {
    PyObject *given, *arrays, *kinds;
    texts names;
    long long rows = 0;
    if (!PyArg_ParseTuple(args, "OO!O!|L:run", &given, &PyList_Type, &arrays, &PyList_Type, &kinds, &rows) || texts_read(given, &names)) return NULL;
    const Py_ssize_t n = names.n;
    fire_named *in = PyMem_Calloc((size_t)n + 1, sizeof *in), *out = NULL;
    feed fed = {0};
    PyObject *result = NULL;
    int32_t n_out = 0;
    fire_error err;
    fire_status status = FIRE_OK;
    int ok = in != NULL;
    if (!ok) PyErr_NoMemory();
    else if (PyList_Size(arrays) != n || PyList_Size(kinds) != n) { PyErr_SetString(PyExc_ValueError, "run: names, arrays and types of different numbers"); ok = 0; }
    ok = ok && !feed_new(&fed, arrays);
    for (Py_ssize_t i = 0; ok && i < n; i++) {
        const long kind = PyLong_AsLong(PyList_GetItem(kinds, i));
        in[i].name = names.text[i];
        ok = !(kind == -1 && PyErr_Occurred()) && !feed_add(&fed, PyList_GetItem(arrays, i), kind, names.text[i], &in[i].tensor);
    }
    if (ok) {
        Network *self = enter(object, 0);
        Py_BEGIN_ALLOW_THREADS
        status = rows ? fire_run_rows(self->net, rows, (int32_t)n, in, &out, &n_out, &err) : fire_run(self->net, (int32_t)n, in, &out, &n_out, &err);
        Py_END_ALLOW_THREADS
        if (!status) result = PyList_New(0);
        for (int32_t k = 0; result && k < n_out; k++) {
            PyObject *value = tensor_taken(&out[k].tensor), *name = PyUnicode_DecodeUTF8(out[k].name, (Py_ssize_t)strlen(out[k].name), "replace");
            PyObject *item = value && name ? PyTuple_Pack(2, name, value) : NULL;
            if (!item || PyList_Append(result, item)) Py_CLEAR(result);
            Py_XDECREF(item);
            Py_XDECREF(name);
            Py_XDECREF(value);
        }
        if (out) fire_release(self->context->ctx, out);
        leave(self);
    }
    feed_free(&fed);
    PyMem_Free(in);
    texts_free(&names);
    return !ok ? NULL : status ? raise_error(&err) : result;
}

/* network_ports - (name, type, shape) of each input, or output, of such a model. */
static PyObject *network_ports(PyObject *object, PyObject *args) {
    int output;
    if (!PyArg_ParseTuple(args, "p:ports", &output)) return NULL;
    Network *self = enter(object, 0);
    PyObject *list = PyList_New(0);
    char name[1024];
    fire_tensor t;
    for (int32_t i = 0; list && !fire_run_port(self->net, output, i, &t, name, sizeof name); i++) {
        PyObject *shape = shape_tuple(&t.shape), *text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace");
        PyObject *item = shape && text ? Py_BuildValue("OiO", text, (int)t.type, shape) : NULL;
        if (!item || PyList_Append(list, item)) Py_CLEAR(list);
        Py_XDECREF(item);
        Py_XDECREF(shape);
        Py_XDECREF(text);
    }
    leave(self);
    return list;
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

/* network_row - predict_row for who has looked at the types already: of the buffers, only the sizes are compared. */
static PyObject *network_row(PyObject *object, PyObject *const *args, Py_ssize_t n) {
    Py_buffer x, y;
    if (n != 2) { PyErr_SetString(PyExc_TypeError, "row: expected two buffers"); return NULL; }
    if (PyObject_GetBuffer(args[0], &x, PyBUF_SIMPLE)) return NULL;
    if (PyObject_GetBuffer(args[1], &y, PyBUF_WRITABLE)) { PyBuffer_Release(&x); return NULL; }
    Network *self = enter(object, 0);
    size_t in, out;
    fire_error err;
    fire_status status = FIRE_OK;
    fire_row_bytes(self->net, &in, &out);
    int ok = in && out && (size_t)x.len == in && (size_t)y.len == out;
    if (ok) status = fire_predict_row(self->net, x.buf, y.buf, &err);
    leave(self);
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    if (!ok) { PyErr_SetString(PyExc_ValueError, "row: buffers of other sizes than the network's rows"); return NULL; }
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

/* A file in memory, as bytes. */
static PyObject *bytes_call(PyObject *object, fire_status (*make)(const fire_network *, void **, size_t *, fire_error *)) {
    void *bytes = NULL;
    size_t size = 0;
    fire_error err;
    fire_status status;
    Network *self = enter(object, 0);
    Py_BEGIN_ALLOW_THREADS
    status = make(self->net, &bytes, &size, &err);
    Py_END_ALLOW_THREADS
    leave(self);
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
    if (!(self = enter(object, 1))) {
        PyBuffer_Release(&view);
        return NULL;
    }
    fire_status status = fire_state_set(self->net, view.buf, (size_t)view.len, &err);
    PyBuffer_Release(&view);
    return finish(self, status, &err);
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

/* Network.load(context, path, inputs=(), outputs=(), signature=None) and Network.load_bytes(context, bytes). */
static PyObject *network_load(PyObject *type, PyObject *args) {
    module_state *m = PyType_GetModuleState((PyTypeObject *)type);
    Context *context;
    PyObject *path, *inputs = NULL, *outputs = NULL;
    fire_network *net = NULL;
    fire_part part = {0};
    fire_error err;
    fire_status status;
    if (!PyArg_ParseTuple(args, "O!O&|O!O!z:load", m->context, &context, PyUnicode_FSConverter, &path, &PyTuple_Type, &inputs, &PyTuple_Type, &outputs, &part.signature)) return NULL;
    const char **in = inputs ? texts_of(inputs, &part.n_inputs) : NULL, **out = outputs && (in || !inputs) ? texts_of(outputs, &part.n_outputs) : NULL;
    if ((inputs && !in) || (outputs && !out)) {
        PyMem_Free((void *)in);
        Py_DECREF(path);
        return NULL;
    }
    part.inputs = in, part.outputs = out;
    const bool whole = !part.n_inputs && !part.n_outputs && !part.signature;
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
    PyObject *list; /* [(name, sizes)] of a model that runs by name */
    fire_named shape[32] = {{0}};
    if (!PyArg_ParseTuple(args, "LpO!:explain_plan", &batch, &training, &PyList_Type, &list)) return NULL;
    const Py_ssize_t n = PyList_Size(list);
    if (n > (Py_ssize_t)(sizeof shape / sizeof *shape)) { PyErr_SetString(PyExc_ValueError, "explain_plan: too many shapes"); return NULL; }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *sizes;
        if (!PyArg_ParseTuple(PyList_GetItem(list, i), "sO", &shape[i].name, &sizes) || shape_read(sizes, &shape[i].tensor.shape)) return NULL;
    }
    Network *self = enter(object, 0);
    if (!self) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = n ? fire_explain_run(self->net, batch, (int32_t)n, shape, text_write, &b, &err) : fire_explain_plan(self->net, batch, training, text_write, &b, &err);
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
