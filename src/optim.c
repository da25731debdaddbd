/* optim.c - the table of optimizers, one copy per instruction set. */
#include "optim.h"

#define FIRE_OPTIM(symbol) extern const fire_optim fire_optim_##symbol##_base, fire_optim_##symbol##_avx2, fire_optim_##symbol##_avx512;
#include "optims/optims.def"
#undef FIRE_OPTIM
const fire_optim *const fire_optims[] = {
#define FIRE_OPTIM(symbol) &fire_optim_##symbol##_base,
#include "optims/optims.def"
#undef FIRE_OPTIM
    NULL};
static const fire_optim *const avx2[] = {
#define FIRE_OPTIM(symbol) &fire_optim_##symbol##_avx2,
#include "optims/optims.def"
#undef FIRE_OPTIM
    NULL};
static const fire_optim *const avx512[] = {
#define FIRE_OPTIM(symbol) &fire_optim_##symbol##_avx512,
#include "optims/optims.def"
#undef FIRE_OPTIM
    NULL};

const fire_optim *fire_optim_find(const char *name, int isa) {
    const fire_optim *const *p = isa >= FIRE_ISA_AVX512 ? avx512 : isa == FIRE_ISA_AVX2 ? avx2 : fire_optims;
    while (*p && !fire_same_word((*p)->name, name)) p++;
    return *p;
}
