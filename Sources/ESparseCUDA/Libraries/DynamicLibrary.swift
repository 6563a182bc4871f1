// A shared library that is loaded while the program runs, and its functions by name.

import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A loaded library; dropping it unloads it, so whoever holds one of its functions holds it too.
@safe package final class DynamicLibrary: Sendable {
    /// What it is.
    package let library: CUDALibrary
    /// The file it was loaded from; a bare name where the system does not say what file it found by it.
    package let path: String
    private nonisolated(unsafe) let handle: UnsafeMutableRawPointer

    /// Why a library was not loaded.
    package enum Failure: Error {
        /// There is no such file.
        case missing
        /// The loader's words.
        case refused(String)
    }

    /// Loads a file, or what the system's loader finds by a bare name.
    ///
    /// - Throws: `Failure`.
    package init(_ library: CUDALibrary, path: String) throws(Failure) {
        unsafe dlerror()
        guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            let reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given"
            // The message may also be about another library that this one needs; it then starts with that one's name.
            let isMissing = reason.hasPrefix(path + ":") && reason.hasSuffix("No such file or directory")
            throw isMissing ? .missing : .refused(reason)
        }
        self.library = library
        unsafe self.handle = unsafe handle
        let address = unsafe dlsym(handle, library.knownFunction).map { UInt(bitPattern: $0) }
        let file = path.contains("/") ? nil : address.flatMap { Self.file(at: $0, in: Self.memoryMap) }
        self.path = file ?? path
    }

    /// The system's list of this process's mappings.
    package static var memoryMap: String {
        let bytes = (try? ByteStream.read("/proc/self/maps", limit: 1 << 24)).flatMap { $0 } ?? []
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The file that is mapped at an address, by lines such as "7f00-7f80 r-xp 00000000 08:01 123   /lib/libcuda.so.1".
    package static func file(at address: UInt, in memoryMap: String) -> String? {
        for line in memoryMap.split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[0] <= address, address < ends[1] else { continue }
            guard fields.count == 6 else { return nil }
            let name = fields[5].drop { $0 == " " }
            return name.hasPrefix("/") ? String(name) : nil
        }
        return nil
    }

    deinit {
        unsafe dlclose(handle)
    }

    /// Keeps a library loaded until the process ends. A thread that has called it runs the library's clean-up when the thread
    /// ends, which may be after the last user has let the library go.
    static func keepLoaded(_ path: String) {
        if let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD | RTLD_NODELETE) {
            unsafe dlclose(handle)
        }
    }

    /// A function by name, nil where the library has none; `Function` is its C type.
    package func optionalFunction<Function>(_ symbol: String, as type: Function.Type = Function.self) -> Function? {
        precondition(MemoryLayout<Function>.size == MemoryLayout<Int>.size)
        return unsafe dlsym(handle, symbol).map { unsafe unsafeBitCast($0, to: Function.self) }
    }

    /// A function by name; `Function` is its C type.
    ///
    /// - Throws: `CUDAError.symbolMissing`.
    func function<Function>(_ symbol: String, as type: Function.Type = Function.self) throws(CUDAError) -> Function {
        guard let function = optionalFunction(symbol, as: type) else {
            throw .symbolMissing(library, path: path, symbol: symbol)
        }
        return function
    }
}
