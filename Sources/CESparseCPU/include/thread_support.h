// What the thread pool needs from C: hints to the processor and memory of a thread's own.
#ifndef ESPARSE_THREAD_SUPPORT_H
#define ESPARSE_THREAD_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

/// Fetches memory into the second-level cache without waiting for it; any address will do, even one that is not mapped.
static inline void esparse_prefetch(uintptr_t start, size_t bytes) {
    for (size_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch((const void *)(start + offset), 0, 2);
}

/// Tells the processor that the caller is spinning, so that it saves power and yields to a sibling thread.
static inline void esparse_spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

/// 64-byte aligned memory of the calling thread, at least `bytes`; valid until the thread's next call with the same
/// `slot`. NULL when memory cannot be had.
void *esparse_thread_scratch(int slot, size_t bytes);
enum { esparse_scratch_slots = 4 };

#endif
