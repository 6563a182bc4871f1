// Memory that ends at a page nobody may touch, so that reading or writing past the end crashes the test.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Calls `body` with a copy of `values` whose last element is right before an inaccessible page.
func withGuardedFloats<Result>(
    _ values: [Float], _ body: (UnsafeMutablePointer<Float>) throws -> Result
) rethrows -> Result {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let bytes = (values.count * 4 + page - 1) / page * page
    let memory = unsafe mmap(nil, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { preconditionFailure("no memory") }
    defer { unsafe munmap(memory, bytes + page) }
    unsafe mprotect(memory + bytes, page, PROT_NONE)
    let start = unsafe (memory + bytes - values.count * 4).assumingMemoryBound(to: Float.self)
    for (index, value) in values.enumerated() { unsafe start[index] = value }
    return try unsafe body(start)
}

/// e^x.
func exponential(_ value: Double) -> Double { exp(value) }
/// Natural logarithm.
func logarithm(_ value: Double) -> Double { log(value) }
