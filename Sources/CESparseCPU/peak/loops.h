// Loops that reach the machine's limits: the arithmetic and the bandwidth that benchmarks are compared with.
//
// The including file defines `PEAK_BYTES` of a vector and, where a step is not a single-precision multiply-add,
// `PEAK_STEP(sums)` with the `PEAK_OPERATIONS` of a step.

enum {
    /// Independent chains of steps: at least latency times units of any processor there is; with two constants they fit
    /// 16 registers.
    peak_chains = 12,
    /// Vectors that are read in turn, so that no read waits for a sum.
    peak_reads = 4,
};

#ifndef PEAK_STEP
#define PEAK_STEP(sums) ((sums) * 0.5f + 1.0f)
#define PEAK_OPERATIONS (2 * PEAK_BYTES / 4)
#endif

typedef float peak_vector __attribute__((vector_size(PEAK_BYTES)));
typedef uint64_t peak_words __attribute__((vector_size(PEAK_BYTES)));

// The empty assembly keeps a chain's value in a register and the compiler from simplifying.
#if defined(__x86_64__)
#define PEAK_KEEP(value) __asm__ volatile("" : "+x"(value))
#elif defined(__aarch64__)
#define PEAK_KEEP(value) __asm__ volatile("" : "+w"(value))
#else
#define PEAK_KEEP(value) __asm__ volatile("" : "+m"(value))
#endif

static void peak_multiply_add(int64_t rounds) {
    peak_vector sums[peak_chains];
    for (int i = 0; i < peak_chains; i++) sums[i] = (peak_vector){0} + (float)i;
    for (int64_t round = 0; round < rounds; round++) {
        UNROLL for (int i = 0; i < peak_chains; i++) {
            sums[i] = PEAK_STEP(sums[i]);
            PEAK_KEEP(sums[i]);
        }
    }
}

static uint64_t peak_read(const uint64_t *words, int64_t count) {
    enum { width = sizeof(peak_words) / sizeof(uint64_t) };
    peak_words sums[peak_reads] = {0};
    int64_t i = 0;
    for (; i + peak_reads * width <= count; i += peak_reads * width) {
        UNROLL for (int part = 0; part < peak_reads; part++) {
            peak_words next;
            memcpy(&next, words + i + part * width, sizeof next);
            sums[part] |= next;
        }
    }
    const peak_words all = (sums[0] | sums[1]) | (sums[2] | sums[3]);
    uint64_t sum = 0;
    for (int lane = 0; lane < width; lane++) sum |= all[lane];
    for (; i < count; i++) sum |= words[i];
    return sum;
}

static const esparse_peak_kernels peak_kernels = {
    .operations = peak_chains * PEAK_OPERATIONS, .multiply_add = peak_multiply_add, .read = peak_read,
};
