// Memory that belongs to the calling thread, for intermediate values of one linear.

internal import CESparseCPU

/// Pieces of a thread's scratch memory, named by what they hold; uses that overlap in time have different slots.
enum ScratchSlot: Int32 {
    /// The input as a kernel wants it; filled by the caller of a linear, read by all threads.
    case input = 0
    /// A tile of weights widened or expanded.
    case weights = 1
    /// Whatever a kernel asks for.
    case kernel = 2
    /// A tile of logits.
    case logits = 3

    /// At least `byteCount` bytes, 64-byte aligned, valid until this thread asks for the slot again.
    func memory(byteCount: Int) -> UnsafeMutableRawPointer {
        guard let memory = unsafe esparse_thread_scratch(rawValue, byteCount) else {
            preconditionFailure("out of memory: \(byteCount) bytes of scratch")
        }
        return unsafe memory
    }
}
