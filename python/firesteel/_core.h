/* _core.h - what the files of the extension share: handles, errors, buffers, texts.
**
** The extension is one Python type per handle of firesteel.h, with methods named after its functions. No logic: what to call when is
** decided in the .py files beside it, which are the only callers. The stable ABI of CPython 3.11.
**
** Threads.   The GIL is released around every call that can take long. A network has a lock, so that Python threads may share
**            one; the progress callback runs inside the fit's own lock and may read the network but not change it.
** Lifetimes. A handle keeps the context and every buffer alive that it was made from. Arrow structs are moved out of their
**            capsules, which stay valid and empty.
*/
#ifndef FIRE_PYTHON_CORE_H
#define FIRE_PYTHON_CORE_H
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "firesteel.h"

typedef struct module_state { PyTypeObject *context, *network, *dataset, *comm, *records, *writer, *examples; } module_state;

typedef struct { PyObject_HEAD fire_context *ctx; } Context;
typedef struct { PyObject_HEAD Context *context; fire_network *net; pthread_mutex_t lock; int fitting; } Network;
typedef struct { PyObject_HEAD Context *context; fire_dataset *data; Py_buffer *view; Py_ssize_t n_views; } Dataset;
typedef struct { PyObject_HEAD Context *context; fire_comm *comm; } Comm;

extern PyType_Spec network_spec, dataset_spec, comm_spec, records_spec, writer_spec, examples_spec;

static inline module_state *state_of(PyObject *self) { return PyType_GetModuleState(Py_TYPE(self)); }

/* raise_error - the exception that firesteel.errors makes of it; always NULL. */
PyObject *raise_error(const fire_error *err);

/* free_object - give back the memory of an instance and its hold on its type. */
void free_object(PyObject *self);

/* tensor_get - a dense row-major buffer as a tensor that borrows it; release the view when done. 0, or -1 with an exception. */
int tensor_get(PyObject *object, const char *what, int writable, Py_buffer *view, fire_tensor *t);

/* shape_tuple - the sizes as a tuple. */
PyObject *shape_tuple(const fire_shape *s);

/* wrong_size - 1 with an exception unless a buffer has the expected bytes. */
int wrong_size(const char *what, Py_ssize_t found, int64_t expected);

/* A list of texts as C strings, which the tuple owns. */
typedef struct texts { PyObject *owner; const char **text; Py_ssize_t n; } texts;
int texts_read(PyObject *sequence, texts *t); /* 0, or -1 with an exception */
void texts_free(texts *t);

/* Values for fire_run: feed_add makes a tensor of an array (kind: its type where the buffer does not say it, or 0), of (shape, texts), of a list of
** these, or of None, which is absent. The feed holds what they borrow. tensor_taken - (type, shape, data) of a result: bytes, or a list. */
typedef struct feed { Py_buffer *view; texts *text; fire_tensor *item; Py_ssize_t n_views, n_texts, n_items; } feed;
int feed_new(feed *f, PyObject *arrays);
void feed_free(feed *f);
int feed_add(feed *f, PyObject *value, long kind, const char *name, fire_tensor *t);
PyObject *tensor_taken(const fire_tensor *t);

/* Text that a fire_write collects; text_take makes a str of it and frees it. */
typedef struct text_buffer { char *text; size_t used, capacity; int failed; } text_buffer;
void text_write(void *user, const char *text, size_t bytes);
PyObject *text_take(text_buffer *b);

/* Module functions that live beside their types. */
PyObject *core_listen(PyObject *module, PyObject *args);
PyObject *core_column_names(PyObject *module, PyObject *capsule);
PyObject *core_safetensors(PyObject *module, PyObject *args);
PyObject *core_example_read(PyObject *module, PyObject *args);
PyObject *core_example_write(PyObject *module, PyObject *args);
PyObject *core_examples_survey(PyObject *module, PyObject *args);
#endif
