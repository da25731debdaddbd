/* _core_formats.c - files of other software for Python: the index of a safetensors file. */
#include "_core.h"

typedef struct index { PyObject *tensors, *texts; const char *start; } index_of;

static int add_entry(void *user, const fire_tensor_entry *e) {
    index_of *t = user;
    if (e->text) {
        PyObject *text = PyUnicode_DecodeUTF8(e->text, (Py_ssize_t)strlen(e->text), "backslashreplace");
        PyObject *key = text ? PyUnicode_DecodeUTF8(e->name, (Py_ssize_t)strlen(e->name), "backslashreplace") : NULL;
        int failed = !key || PyDict_SetItem(t->texts, key, text);
        Py_XDECREF(text);
        Py_XDECREF(key);
        return failed;
    }
    PyObject *name = PyUnicode_DecodeUTF8(e->name, (Py_ssize_t)strlen(e->name), "backslashreplace"), *shape = name ? shape_tuple(&e->shape) : NULL;
    PyObject *item = shape ? Py_BuildValue("NsNLn", name, e->type, shape, (long long)((const char *)e->data - t->start), (Py_ssize_t)e->bytes) : NULL;
    if (!shape) Py_XDECREF(name);
    int failed = !item || PyList_Append(t->tensors, item);
    Py_XDECREF(item);
    return failed;
}

/* core_safetensors - (context, bytes) to ([(name, type, shape, offset, bytes)], {key: text}). */
PyObject *core_safetensors(PyObject *module, PyObject *args) {
    module_state *m = PyModule_GetState(module);
    Context *context;
    Py_buffer view;
    fire_error err;
    if (!PyArg_ParseTuple(args, "O!y*:safetensors", m->context, &context, &view)) return NULL;
    index_of t = {PyList_New(0), PyDict_New(), view.buf};
    fire_status s = t.tensors && t.texts ? fire_safetensors_index(context->ctx, view.buf, (size_t)view.len, add_entry, &t, &err) : FIRE_OK;
    PyBuffer_Release(&view);
    if (s) raise_error(&err);
    if (s || PyErr_Occurred()) {
        Py_XDECREF(t.tensors);
        Py_XDECREF(t.texts);
        return NULL;
    }
    return Py_BuildValue("NN", t.tensors, t.texts);
}
