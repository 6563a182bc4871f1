// A parallel loop as a value, for code that has work to split but owns no threads.

/// Runs `body` for every index in `[0, count)`, in any order and on any thread, and returns when all are done.
package typealias ParallelLoop = (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void
