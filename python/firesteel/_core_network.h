/* _core_network.h - what the two files of Network share. */
#ifndef FIRE_PYTHON_CORE_NETWORK_H
#define FIRE_PYTHON_CORE_NETWORK_H
#include "_core.h"

/* network_enter - take the network's lock; network_leave gives it back. A change is refused while this very thread is inside a fit: NULL with an
** exception. network_finish - leave, then None or the exception for a failed call. */
Network *network_enter(PyObject *object, int change);
void network_leave(Network *self);
PyObject *network_finish(Network *self, fire_status status, const fire_error *err);

/* _core_network_rows.c: methods of Network. */
PyObject *network_fit(PyObject *object, PyObject *args, PyObject *kwargs);
PyObject *network_evaluate(PyObject *object, PyObject *args);
PyObject *network_adapt(PyObject *object, PyObject *args);
PyObject *network_gradients(PyObject *object, PyObject *args);
PyObject *network_predict(PyObject *object, PyObject *args);
PyObject *network_run(PyObject *object, PyObject *args);
PyObject *network_ports(PyObject *object, PyObject *args);
PyObject *network_predict_row(PyObject *object, PyObject *args);
PyObject *network_row(PyObject *object, PyObject *const *args, Py_ssize_t n);
#endif
