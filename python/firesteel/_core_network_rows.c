/* _core_network_rows.c - Network over rows: training, evaluation, gradients, scoring. */
#include "_core_network.h"

/* row_elements - numbers in one row of a shape with the batch in front. */
static int64_t row_elements(const fire_shape *s) {
    int64_t n = 1;
    for (int i = 1; i < s->rank; i++) n *= s->dim[i];
    return n;
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
PyObject *network_fit(PyObject *object, PyObject *args, PyObject *kwargs) {
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
        else self = network_enter(object, 1);
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
        network_leave(self);
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

PyObject *network_evaluate(PyObject *object, PyObject *args) {
    Dataset *data;
    PyObject *comm;
    Network *self;
    fire_error err;
    fire_status status;
    double results[FIRE_MAX_RESULTS] = {0};
    int n = 0;
    if (data_args(object, args, "O!|O:evaluate", &data, &comm) || !(self = network_enter(object, 0))) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = fire_evaluate(self->net, data->data, comm == Py_None ? NULL : ((Comm *)comm)->comm, results, &err);
    Py_END_ALLOW_THREADS
    while (n < FIRE_MAX_RESULTS && fire_network_metric(self->net, n)) n++;
    network_leave(self);
    return status ? raise_error(&err) : double_list(results, n);
}

PyObject *network_adapt(PyObject *object, PyObject *args) {
    Dataset *data;
    PyObject *comm;
    Network *self;
    fire_error err;
    fire_status status;
    if (data_args(object, args, "O!|O:adapt", &data, &comm) || !(self = network_enter(object, 1))) return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = fire_adapt(self->net, data->data, comm == Py_None ? NULL : ((Comm *)comm)->comm, &err);
    Py_END_ALLOW_THREADS
    return network_finish(self, status, &err);
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
PyObject *network_gradients(PyObject *object, PyObject *args) {
    Dataset *data;
    int training;
    PyObject *list, *input;
    if (!PyArg_ParseTuple(args, "O!pOO:gradients", state_of(object)->dataset, &data, &training, &list, &input)) return NULL;
    PyObject *outs = PySequence_Tuple(list);
    if (!outs) return NULL;
    Network *self = network_enter(object, 0);
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
    if (ok && !status) ok = !out_get(input, "the input's gradient", net.type, rows.rows, row_elements(&net.input), &view[n], &to[n]);
    double loss = 0;
    if (ok && !status) {
        Py_BEGIN_ALLOW_THREADS
        status = fire_gradients(self->net, data->data, training, &loss, to, to[n], &err);
        Py_END_ALLOW_THREADS
    }
    network_leave(self);
    for (int i = 0; view && i <= n; i++) if (view[i].obj) PyBuffer_Release(&view[i]);
    PyMem_Free(view);
    PyMem_Free(to);
    Py_DECREF(outs);
    return !ok ? NULL : status ? raise_error(&err) : PyFloat_FromDouble(loss);
}

/* network_predict - outputs, and logits unless None, of every row into buffers of the network's type. */
PyObject *network_predict(PyObject *object, PyObject *args) {
    Dataset *data;
    PyObject *y, *logits = Py_None;
    if (!PyArg_ParseTuple(args, "O!O|O:predict", state_of(object)->dataset, &data, &y, &logits)) return NULL;
    Network *self = network_enter(object, 0);
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
    else ok = !out_get(y, "predict", net.type, rows.rows, row_elements(&net.output), &view[0], &to[0]) &&
              !out_get(logits, "logits", net.type, rows.rows, row_elements(&net.output), &view[1], &to[1]);
    if (ok) {
        Py_BEGIN_ALLOW_THREADS
        status = fire_predict(self->net, data->data, to[0], to[1], &err);
        Py_END_ALLOW_THREADS
    }
    network_leave(self);
    for (int i = 0; i < 2; i++) if (view[i].obj) PyBuffer_Release(&view[i]);
    if (!ok) return NULL;
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

/* network_run - outputs by name of a model of other software, as tuples (name, (type, shape, data)); types tells what the values are where they do
** not say it; rows: compute it once for each of so many rows, 0: once. */
PyObject *network_run(PyObject *object, PyObject *args) {
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
        Network *self = network_enter(object, 0);
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
        network_leave(self);
    }
    feed_free(&fed);
    PyMem_Free(in);
    texts_free(&names);
    return !ok ? NULL : status ? raise_error(&err) : result;
}

/* network_ports - (name, type, shape) of each input, or output, of such a model. */
PyObject *network_ports(PyObject *object, PyObject *args) {
    int output;
    if (!PyArg_ParseTuple(args, "p:ports", &output)) return NULL;
    Network *self = network_enter(object, 0);
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
    network_leave(self);
    return list;
}

/* network_predict_row - one row; short, so the GIL stays. */
PyObject *network_predict_row(PyObject *object, PyObject *args) {
    PyObject *x, *y;
    Py_buffer view[2] = {{0}, {0}};
    void *to[2];
    if (!PyArg_ParseTuple(args, "OO:predict_row", &x, &y)) return NULL;
    Network *self = network_enter(object, 0);
    fire_network_info net;
    fire_network_info_get(self->net, &net);
    fire_tensor row;
    fire_error err;
    fire_status status = FIRE_OK;
    int ok = 0;
    if (!net.built) PyErr_SetString(PyExc_ValueError, "predict_row: the network is not built");
    else if (!tensor_get(x, "predict_row", 0, &view[0], &row)) {
        if (row.type != net.type) PyErr_SetString(PyExc_TypeError, "predict_row: x has another type than the network");
        else ok = !wrong_size("predict_row", view[0].len, row_elements(&net.input) * (int64_t)fire_type_size(net.type)) &&
                  !out_get(y, "predict_row", net.type, 1, row_elements(&net.output), &view[1], &to[1]) && to[1];
    }
    if (ok) status = fire_predict_row(self->net, row.data, to[1], &err);
    network_leave(self);
    for (int i = 0; i < 2; i++) if (view[i].obj) PyBuffer_Release(&view[i]);
    if (!ok) return NULL;
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}

/* network_row - predict_row for who has looked at the types already: of the buffers, only the sizes are compared. */
PyObject *network_row(PyObject *object, PyObject *const *args, Py_ssize_t n) {
    Py_buffer x, y;
    if (n != 2) { PyErr_SetString(PyExc_TypeError, "row: expected two buffers"); return NULL; }
    if (PyObject_GetBuffer(args[0], &x, PyBUF_SIMPLE)) return NULL;
    if (PyObject_GetBuffer(args[1], &y, PyBUF_WRITABLE)) { PyBuffer_Release(&x); return NULL; }
    Network *self = network_enter(object, 0);
    size_t in, out;
    fire_error err;
    fire_status status = FIRE_OK;
    fire_row_bytes(self->net, &in, &out);
    int ok = in && out && (size_t)x.len == in && (size_t)y.len == out;
    if (ok) status = fire_predict_row(self->net, x.buf, y.buf, &err);
    network_leave(self);
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    if (!ok) { PyErr_SetString(PyExc_ValueError, "row: buffers of other sizes than the network's rows"); return NULL; }
    if (status) return raise_error(&err);
    Py_RETURN_NONE;
}
