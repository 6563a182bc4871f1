// A shared library that is loaded while the program runs, and its functions by name.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A loaded library; dropping it unloads it, so whoever holds one of its functions holds it too.
@safe package final class DynamicLibrary: Sendable {
    /// What it is.
    package let library: CUDALibrary
    /// The file it was loaded from, or the name that the system's loader found it by.
    package let path: String
    private nonisolated(unsafe) let handle: UnsafeMutableRawPointer

    /// Why a library was not loaded.
    enum Failure: Error {
        /// There is no such file.
        case missing
        /// The loader's words.
        case refused(String)
    }

    /// Loads a file, or what the system's loader finds by a bare name.
    ///
    /// - Throws: `Failure`.
    init(_ library: CUDALibrary, path: String) throws(Failure) {
        unsafe dlerror()
        guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            let reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given"
            // What is missing may also be another library that this one needs, which then stands in front.
            let isMissing = reason.hasPrefix(path + ":") && reason.hasSuffix("No such file or directory")
            throw isMissing ? .missing : .refused(reason)
        }
        self.library = library
        self.path = path
        unsafe self.handle = unsafe handle
    }

    deinit {
        unsafe dlclose(handle)
    }

    /// A function by name, nil where the library has none; `Function` is its C type.
    func optionalFunction<Function>(_ symbol: String, as type: Function.Type = Function.self) -> Function? {
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
