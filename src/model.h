/* model.h - what model.c and checkpoint.c share. */
#ifndef FIRE_MODEL_H
#define FIRE_MODEL_H
#include "context.h"

/* fire_checkpoint_load - read a folder that fire_save_checkpoint wrote. */
fire_status fire_checkpoint_load(fire_context *ctx, const char *dir, fire_network **out, fire_error *err);

/* fire_error_prefix - put the file's name in front of the message of a failure (s is its status); returns s. */
fire_status fire_error_prefix(fire_error *err, const char *path, fire_status s);
#endif
