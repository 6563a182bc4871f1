// Kernels of linear layers, and what the thread pool needs of the processor.
#ifndef ESPARSE_LINEAR_KERNELS_H
#define ESPARSE_LINEAR_KERNELS_H

/// Tells the processor that the caller is spinning, so that it saves power and yields to a sibling thread.
static inline void esparse_spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif
