// Scratch memory that belongs to a thread, freed when the thread ends.
#include <pthread.h>
#include <stdlib.h>

#include "thread_support.h"

typedef struct {
    void *memory[esparse_scratch_slots];
    size_t bytes[esparse_scratch_slots];
} thread_memory;

static pthread_key_t memory_key;
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;

static void free_thread_memory(void *pointer) {
    thread_memory *own = pointer;
    for (int slot = 0; slot < esparse_scratch_slots; slot++) free(own->memory[slot]);
    free(own);
}

static void create_memory_key(void) { pthread_key_create(&memory_key, free_thread_memory); }

void *esparse_thread_scratch(int slot, size_t bytes) {
    pthread_once(&memory_once, create_memory_key);
    thread_memory *own = pthread_getspecific(memory_key);
    if (!own) {
        own = calloc(1, sizeof *own);
        if (!own || pthread_setspecific(memory_key, own)) {
            free(own);
            return NULL;
        }
    }
    if (own->bytes[slot] < bytes || !own->memory[slot]) {
        free(own->memory[slot]);
        own->bytes[slot] = 0;
        if (posix_memalign(&own->memory[slot], 64, bytes ? bytes : 64)) {
            own->memory[slot] = NULL;
            return NULL;
        }
        own->bytes[slot] = bytes;
    }
    return own->memory[slot];
}
