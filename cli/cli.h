/* cli.h - what the files of the command share: commands as tables, readers, writers, the progress bar.
**
** A command is a row in main.c's table and a file of its own; its options are a table of cli_option over a struct. Results go to
** standard output, everything else (progress, remarks, errors) to standard error. */
#ifndef FIRE_CLI_H
#define FIRE_CLI_H
#include <stdio.h>
#include "attrs.h"

/* ---- commands and options ---- */

typedef enum cli_type { CLI_FLAG, CLI_TEXT, CLI_INT, CLI_NUMBER, CLI_LIST } cli_type; /* bool, const char *, int64_t, double, cli_list */

#define CLI_MOST 256
typedef struct cli_list { int64_t n; const char *text[CLI_MOST]; } cli_list; /* of an option that may be given again and again */

typedef struct cli_option {
    const char *name;          /* without the dashes; NULL ends a table */
    char letter;               /* of the short form; 0: none */
    cli_type type;
    size_t offset;             /* in the command's struct */
    double value, min, max;    /* default and range of numbers */
    const char *arg;           /* how the value is called in help; NULL for flags */
    const char *choices;       /* of texts: allowed words separated by '|' */
    const char *help;
} cli_option;

/* Rows of a table for how a data file is read: the struct has the texts invalid, header, separator. See cli_read_how. */
#define CLI_READ_OPTIONS(options)                                                                                                                       \
    {"invalid", 0, CLI_TEXT, offsetof(options, invalid), .arg = "HOW", .choices = "error|skip|keep", .help = "what to do with empty fields, NaN and infinities"}, \
    {"header", 0, CLI_TEXT, offsetof(options, header), .arg = "HOW", .choices = "auto|yes|no", .help = "whether the first line of a CSV names columns"},  \
    {"separator", 0, CLI_TEXT, offsetof(options, separator), .arg = "C", .help = "between the fields of a CSV: a character, or tab; a comma if not given"}

typedef struct cli_command {
    const char *name, *usage, *summary;
    const cli_option *options;
    size_t size;               /* of the struct of options */
    int least, most;           /* arguments besides options */
    fire_status (*run)(const void *options, int n, char *const *args, fire_error *err);
    const char *details;       /* longer help, examples; or NULL */
} cli_command;

extern const cli_command cli_inspect, cli_score, cli_train, cli_ops, cli_explain, cli_explain_plan, cli_run, cli_convert;
extern const cli_command *const cli_commands[]; /* ends with NULL */

/* cli_parse - read argv[1..] of a command into its struct, filled with defaults first. args[n] gets the other arguments. */
fire_status cli_parse(const cli_command *c, int argc, char *const *argv, void *options, char **args, int *n, fire_error *err);
void cli_help(const cli_command *c, FILE *to);

/* cli_remark - one line to standard error: "firesteel: ...". */
void cli_remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* cli_stdout - a fire_write to standard output. */
void cli_stdout(void *user, const char *text, size_t bytes);
/* cli_context - a context with so many threads. */
fire_status cli_context(int64_t threads, fire_context **out, fire_error *err);
/* cli_count - 1234567 as "1,234,567". */
#define CLI_COUNT 32
const char *cli_count(int64_t v, char buf[CLI_COUNT]);

/* ---- bytes of a file, plain or gzip ---- */

typedef struct cli_source {
    fire_context *ctx;
    char shown[200];           /* the path, printable */
    void *gz;
    uint8_t *buf;
    size_t at, end;            /* unread bytes: buf[at..end) */
    int64_t offset;            /* of buf[0] in the unpacked bytes */
    bool finished;
} cli_source;

#define CLI_SOURCE_BUFFER (256 << 10)
fire_status cli_source_open(fire_context *ctx, const char *path, cli_source *s, fire_error *err); /* "-": standard input */
void cli_source_close(cli_source *s);
/* cli_source_fill - have at least `least` unread bytes in the buffer (at most CLI_SOURCE_BUFFER) unless the file ends before. */
fire_status cli_source_fill(cli_source *s, size_t least, fire_error *err);
/* cli_source_read - exactly so many bytes, or FIRE_E_DATA_FILE: cut short. */
fire_status cli_source_read(cli_source *s, void *to, size_t bytes, fire_error *err);

/* ---- rows of a file ---- */

typedef enum cli_format { CLI_CSV, CLI_NPY, CLI_IDX } cli_format;

/* Names of classes in the order of their first appearance. */
typedef struct cli_classes { char **name; int64_t n, capacity; } cli_classes;

typedef struct cli_table {
    fire_context *ctx;
    cli_source src;
    cli_format format;
    fire_type type;            /* of the numbers handed out */
    fire_shape row;            /* of one row */
    int64_t width;             /* numbers in a row */
    int64_t rows;              /* -1: not known before the end */
    int64_t given, skipped;    /* rows handed out; rows left out */
    fire_invalid invalid;
    /* CSV */
    char separator;
    bool has_header;
    int64_t line;              /* where the record begins, from 1 */
    char *text; int64_t text_size, text_capacity;       /* the record, its fields terminated by zeros */
    int64_t *field, fields, field_capacity;             /* where each begins in text */
    int64_t columns;
    char **name;               /* [columns], NULL without a header */
    int64_t *pick, n_pick;     /* the columns handed out, in order */
    int64_t label;             /* which pick is the label, may hold texts; -1: none */
    enum { CLI_LABEL_OPEN, CLI_LABEL_NUMBER, CLI_LABEL_TEXT } label_kind;
    cli_classes classes;
    bool held;                 /* the record at hand was not handed out yet */
    /* NPY and IDX */
    size_t element;
    bool swap;                 /* bytes of the file are in the other order */
    int64_t rows_left;
} cli_table;

typedef struct cli_read { char separator; int header; /* -1: look */ fire_invalid invalid; } cli_read;

/* cli_read_how - the options --separator, --header and --invalid; each may be NULL. */
fire_status cli_read_how(const char *command, const char *separator, const char *header, const char *invalid, cli_read *how, fire_error *err);
/* cli_table_open - look at the first bytes and read the header. The format is told by the contents. */
fire_status cli_table_open(fire_context *ctx, const char *path, const cli_read *how, cli_table *t, fire_error *err);
void cli_table_close(cli_table *t);
/* cli_table_pick - choose columns of a CSV: `features` names (or numbers from 1) separated by commas, NULL: all but the label; label
** comes last, NULL: none. */
fire_status cli_table_pick(cli_table *t, const char *features, const char *label, fire_error *err);
/* cli_table_next - up to `most` rows as [rows, width] of t->type into `to`; *rows 0: the end. */
fire_status cli_table_next(cli_table *t, int64_t most, void *to, int64_t *rows, fire_error *err);
/* cli_table_block - how many rows make a block of about 8 MiB. */
int64_t cli_table_block(const cli_table *t);
/* cli_table_all - the rest of the rows in one array of the context. */
fire_status cli_table_all(cli_table *t, void **data, int64_t *rows, fire_error *err);
/* cli_scale - divide n numbers: those of cli_scaled_type, F32 where that is exact enough for the network. */
void cli_scale(fire_type type, const void *from, fire_type to_type, void *to, int64_t n, double by);
fire_type cli_scaled_type(fire_type type, fire_type network);
bool cli_number(const char *text, double *v); /* the whole text is a number, true or false */

/* the formats, called by the above */
fire_status cli_csv_open(cli_table *t, int header, fire_error *err);
fire_status cli_csv_next(cli_table *t, int64_t most, double *to, int64_t *rows, fire_error *err);
fire_status cli_npy_open(cli_table *t, fire_error *err);
fire_status cli_idx_open(cli_table *t, fire_error *err);
fire_status cli_array_next(cli_table *t, int64_t most, void *to, int64_t *rows, fire_error *err);

/* ---- results into a file ---- */

typedef struct cli_writer {
    FILE *file;
    char *path, *temporary;    /* temporary: renamed to path when all is well; NULL: written in place */
    fire_context *ctx;
    bool npy;
    fire_type type;
    fire_shape row;
    int64_t rows;
} cli_writer;

/* cli_writer_open - NULL or "-": standard output (CSV). Ending in .npy: NPY of rows of `row`. */
fire_status cli_writer_open(fire_context *ctx, const char *path, fire_type type, const fire_shape *row, cli_writer *w, fire_error *err);
void cli_writer_number(cli_writer *w, double v); /* CSV: the shortest text that reads back to the same bits of w->type */
void cli_writer_text(cli_writer *w, const char *text); /* CSV: quoted where needed */
fire_status cli_writer_rows(cli_writer *w, const void *data, int64_t rows, fire_error *err); /* NPY */
/* cli_writer_close - finish the file, or with ok false remove it. */
fire_status cli_writer_close(cli_writer *w, bool ok, fire_error *err);

/* ---- progress ---- */

typedef struct cli_bar { const fire_network *net; bool tty, quiet, json; double shown; int drawn; } cli_bar;
void cli_bar_open(cli_bar *b, const fire_network *net, bool quiet, bool json);
void cli_bar_show(cli_bar *b, const fire_progress *p);
void cli_bar_close(cli_bar *b); /* leave the line */
#endif
