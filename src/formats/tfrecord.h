/* tfrecord.h - what readers and writers of records share. The interface is in firesteel.h. */
#ifndef FIRE_TFRECORD_H
#define FIRE_TFRECORD_H
#include "context.h"

fire_context *fire_record_writer_context(const fire_record_writer *w);
fire_context *fire_records_context(const fire_records *r);
/* fire_records_blame - FIRE_E_DATA_FILE for the record that was given last: "FILE, record N at byte OFFSET: <what>". */
fire_status fire_records_blame(const fire_records *r, const char *what, fire_error *err);
#endif
