/* _core_run.c - named tensors, texts and lists on their way into fire_run and back. */
#include "_core.h"

/* ---- in ---- */

int feed_new(feed *f, PyObject *arrays) {
    Py_ssize_t n = PyList_Size(arrays), all = n;
    for (Py_ssize_t i = 0; i < n; i++)
        if (PyList_Check(PyList_GetItem(arrays, i))) all += PyList_Size(PyList_GetItem(arrays, i));
    *f = (feed){.view = PyMem_Calloc((size_t)all + 1, sizeof *f->view), .text = PyMem_Calloc((size_t)all + 1, sizeof *f->text),
                .item = PyMem_Calloc((size_t)all + 1, sizeof *f->item)};
    if (f->view && f->text && f->item) return 0;
    PyErr_NoMemory();
    return -1;
}

void feed_free(feed *f) {
    for (Py_ssize_t i = 0; i < f->n_views; i++) PyBuffer_Release(&f->view[i]);
    for (Py_ssize_t i = 0; i < f->n_texts; i++) texts_free(&f->text[i]);
    PyMem_Free(f->view);
    PyMem_Free(f->text);
    PyMem_Free(f->item);
}

/* (shape, texts) */
static int feed_texts(feed *f, PyObject *pair, const char *name, fire_tensor *t) {
    PyObject *shape, *list;
    if (!PyArg_ParseTuple(pair, "O!O", &PyTuple_Type, &shape, &list) || texts_read(list, &f->text[f->n_texts])) return -1;
    const texts *made = &f->text[f->n_texts++];
    Py_ssize_t rank = PyTuple_Size(shape), count = 1;
    *t = (fire_tensor){.type = FIRE_TEXT, .shape.rank = (int32_t)rank, .data = (void *)made->text};
    for (Py_ssize_t d = 0; d < rank && d < FIRE_MAX_RANK; d++) {
        t->shape.dim[d] = PyLong_AsLongLong(PyTuple_GetItem(shape, d));
        if (PyErr_Occurred()) return -1;
        if (t->shape.dim[d] < 0 || (t->shape.dim[d] && count > PY_SSIZE_T_MAX / t->shape.dim[d])) count = -1;
        else count *= (Py_ssize_t)t->shape.dim[d];
    }
    if (rank > FIRE_MAX_RANK || count != made->n) { PyErr_Format(PyExc_ValueError, "run: %zd texts for the input '%s' do not fill its shape", made->n, name); return -1; }
    return 0;
}

int feed_add(feed *f, PyObject *value, long kind, const char *name, fire_tensor *t) {
    *t = (fire_tensor){0};
    if (value == Py_None) return 0;
    if (PyTuple_Check(value)) return feed_texts(f, value, name, t);
    if (PyList_Check(value)) {
        Py_ssize_t n = PyList_Size(value);
        fire_tensor *item = f->item + f->n_items;
        f->n_items += n;
        *t = (fire_tensor){(fire_type)(kind | FIRE_LIST), {1, {n}}, item};
        for (Py_ssize_t i = 0; i < n; i++)
            if (PyList_Check(PyList_GetItem(value, i))) { PyErr_Format(PyExc_TypeError, "run: the list for the input '%s' holds lists", name); return -1; }
            else if (feed_add(f, PyList_GetItem(value, i), kind & ~FIRE_LIST, name, &item[i])) return -1;
        return 0;
    }
    Py_buffer *view = &f->view[f->n_views];
    if (tensor_get(value, name, 0, view, t)) return -1;
    f->n_views++;
    if (kind && fire_type_size((fire_type)kind) == (size_t)view->itemsize) t->type = (fire_type)kind;
    return 0;
}

/* ---- out ---- */

PyObject *tensor_taken(const fire_tensor *t) {
    if (t->type == FIRE_NO_TYPE) return Py_BuildValue("(iOO)", 0, Py_None, Py_None);
    Py_ssize_t count = 1;
    for (int d = 0; d < t->shape.rank; d++) count *= (Py_ssize_t)t->shape.dim[d];
    PyObject *shape = shape_tuple(&t->shape), *data = NULL;
    if (t->type & FIRE_LIST || t->type == FIRE_TEXT) {
        data = PyList_New(0);
        for (Py_ssize_t i = 0; data && i < count; i++) {
            const char *text = t->type == FIRE_TEXT ? ((const char *const *)t->data)[i] : NULL;
            PyObject *item = text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "surrogateescape") : tensor_taken((const fire_tensor *)t->data + i);
            if (!item || PyList_Append(data, item)) Py_CLEAR(data);
            Py_XDECREF(item);
        }
    } else data = PyByteArray_FromStringAndSize(t->data, count * (Py_ssize_t)fire_type_size(t->type));
    PyObject *made = shape && data ? Py_BuildValue("(iOO)", (int)t->type, shape, data) : NULL;
    Py_XDECREF(shape);
    Py_XDECREF(data);
    return made;
}
