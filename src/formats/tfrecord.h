/* tfrecord.h - what writers of records share. The interface is in firesteel.h. */
#ifndef FIRE_TFRECORD_H
#define FIRE_TFRECORD_H
#include "context.h"

fire_context *fire_record_writer_context(const fire_record_writer *w);
#endif
