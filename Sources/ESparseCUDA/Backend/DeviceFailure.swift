// The end of a process whose device failed where the protocol has no way to say so.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

enum DeviceFailure {
    /// Prints one sentence, as a command prints its errors, and ends with exit code 1.
    static func endProcess(_ error: CUDAError) -> Never {
        let line = Array("Error: \(error)\n".utf8)
        _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
        exit(1)
    }
}
